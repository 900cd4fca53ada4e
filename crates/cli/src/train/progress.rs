use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::quality::psnr;
use crate::note;

/// Without a terminal a line is written this often.
const EVERY: Duration = Duration::from_secs(5);

/// Says on standard error how far the training is: a bar on a terminal, lines now and then elsewhere.
pub struct Progress {
    bar: ProgressBar,
    total: u64,
    /// The steps that were done when this began.
    before: u64,
    start: Instant,
    last_line: Option<Instant>,
    smooth: Option<f32>,
}

impl Progress {
    /// Of `total` steps, `before` of which are done.
    pub fn new(total: u64, before: u64) -> Progress {
        let bar = ProgressBar::new(total).with_position(before);
        let style = ProgressStyle::with_template("{bar:16} {wide_msg} {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.reset_eta();
        Progress {
            bar,
            total,
            before,
            start: Instant::now(),
            last_line: None,
            smooth: None,
        }
    }

    /// Another step is done; `done` in all.
    pub fn step(&mut self, done: u64, loss: f32) {
        // One batch's loss jumps too much to be read.
        let smooth = self
            .smooth
            .map_or(loss, |smooth| smooth + (loss - smooth) / 20.0);
        self.smooth = Some(smooth);
        let message = format!(
            "step {done}/{}  loss {smooth:.5}  PSNR {:.2} dB",
            self.total,
            psnr(f64::from(smooth))
        );
        if !self.bar.is_hidden() {
            self.bar.set_message(message);
            self.bar.set_position(done);
            return;
        }
        let due = self.last_line.is_none_or(|line| line.elapsed() >= EVERY);
        if due || done == self.total {
            self.last_line = Some(Instant::now());
            let each = self.start.elapsed().as_secs_f64() / (done - self.before).max(1) as f64;
            let left = each * (self.total - done) as f64;
            note(&format!("{message}  {left:.0} s left"));
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
