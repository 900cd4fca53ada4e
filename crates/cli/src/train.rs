use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::builder::RangedI64ValueParser;
use clap::{ArgMatches, value_parser};

use crate::{Failure, files, note, say};
use checkpoint::Checkpoint;
use data::Photo;
use model::Model;
use progress::Progress;
use quality::psnr;
use settings::Settings;

mod checkpoint;
mod data;
mod figures;
mod model;
mod progress;
mod quality;
mod report;
mod settings;

/// Learn to rebuild photographs
///
/// A strided convolution turns photographs into a small code, and the conv2d_transpose that undoes it
/// learns to rebuild them. At the end it prints how well photographs that it never saw come back, beside
/// what the means of blocks of pixels would give, and writes reconstruction.png, loss.svg, metrics.csv and
/// checkpoint.safetensors.
#[derive(clap::Args)]
#[command(
    args_override_self = true,
    after_help = "\
Examples:
  tconv train                                  four photographs that are built in, results in out/
  tconv train --images ~/Pictures --out mine   your own
  tconv train --channels 20 --steps 10000      a larger code, longer
  tconv train --resume --out mine              go on after Ctrl-C, bit for bit"
)]
pub struct Args {
    #[command(flatten)]
    settings: Settings,

    /// Steps in all, those before --resume included [default: 4000]
    #[arg(long, value_parser = value_parser!(u64).range(1..=10_000_000))]
    steps: Option<u64>,

    /// A folder of PNG and JPEG photographs of any size, instead of those that are built in
    ///
    /// Every fourth (of two or three the last) is held out to measure with. Those with a side longer than
    /// 1024 pixels are reduced to that. A file that is no photograph is named and skipped.
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,

    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,

    /// Go on from the checkpoint in the folder of --out, with its settings
    ///
    /// The result is the same, to the bit, as if the run had never been stopped. A larger --steps makes it
    /// go on for longer.
    #[arg(long)]
    resume: bool,

    /// Steps between checkpoints
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = value_parser!(u64).range(1..))]
    checkpoint_every: u64,

    /// Threads; 0 means as many as the machine offers. The result is the same for any number
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = threads())]
    threads: u16,
}

/// What `--threads` takes.
pub fn threads() -> RangedI64ValueParser<u16> {
    value_parser!(u16).range(0..=1024)
}

/// Runs `tconv train`.
///
/// # Errors
/// Wrong photographs, an output folder that cannot be written to, a checkpoint that does not fit,
/// a diverging loss, an interruption.
pub fn run(args: Args, matches: Option<&ArgMatches>) -> Result<(), Failure> {
    Training::prepare(args, matches)?.run()
}

/// A run that is under way.
struct Training {
    settings: Settings,
    images: Option<String>,
    photos: Vec<Photo>,
    fingerprint: u64,
    model: Model,
    losses: Vec<f32>,
    steps: u64,
    checkpoint_every: u64,
    out: PathBuf,
}

impl Training {
    fn prepare(args: Args, matches: Option<&ArgMatches>) -> Result<Training, Failure> {
        let Args {
            mut settings,
            steps,
            images,
            out,
            resume,
            checkpoint_every,
            threads,
        } = args;
        let path = out.join(CHECKPOINT);
        let saved = if resume {
            Some(Checkpoint::read(&path)?)
        } else {
            None
        };
        let mut images = images.map(|folder| absolute(&folder)).transpose()?;
        if let Some(saved) = &saved {
            settings = settings.resume(&saved.settings, matches)?;
            images = images.or(saved.images.clone());
        } else if path.exists() {
            note(&format!(
                "{} is of an earlier run and will be replaced (--resume goes on with it)",
                path.display()
            ));
        }
        warn_of_gaps(&settings);
        let photos = data::photographs(images.as_deref().map(Path::new))?;
        let fingerprint = data::fingerprint(&photos);
        files::make_writable(&out)?;
        let model = Model::new(&settings, threads.into())?;
        let mut training = Training {
            settings,
            images,
            photos,
            fingerprint,
            model,
            losses: Vec::new(),
            steps: steps.unwrap_or(4000),
            checkpoint_every,
            out,
        };
        if let Some(saved) = saved {
            training.restore(saved, steps)?;
        }
        Ok(training)
    }

    fn restore(&mut self, saved: Checkpoint, steps: Option<u64>) -> Result<(), Failure> {
        if saved.photographs != self.fingerprint {
            return Err(Failure::Error(
                "--images does not go with --resume: these are not the photographs of the run in the checkpoint".into(),
            ));
        }
        self.steps = steps.unwrap_or(saved.steps);
        let done = saved.losses.len() as u64;
        if self.steps < done {
            return Err(Failure::Error(format!(
                "--steps {} does not go with --resume: the run in the checkpoint has done {done} already",
                self.steps
            )));
        }
        self.model.restore(saved.variables)?;
        self.losses = saved.losses;
        note(&format!("going on after step {done} of {}", self.steps));
        Ok(())
    }

    fn run(mut self) -> Result<(), Failure> {
        let stop = watch_for_interrupts()?;
        let start = Instant::now();
        let before = self.losses.len() as u64;
        let mut progress = Progress::new(self.steps, before);
        for step in before..self.steps {
            if stop.load(Ordering::Relaxed) {
                progress.finish();
                self.save()?;
                let (out, total) = (self.out.display(), self.steps);
                return Err(Failure::Interrupted(format!(
                    "stopped after step {step} of {total}; `tconv train --resume --out {out}` goes on from there"
                )));
            }
            let (batch, crop) = (self.settings.batch as usize, self.settings.crop as usize);
            let batch = data::batch(&self.photos, self.settings.seed.into(), step, batch, crop)?;
            let loss = self.model.step(batch)?;
            if !loss.is_finite() {
                progress.finish();
                return Err(Failure::Error(format!(
                    "the loss is {loss} after step {}: the training diverges. A --learning-rate below {} mends that",
                    step + 1,
                    self.settings.learning_rate()
                )));
            }
            self.losses.push(loss);
            progress.step(step + 1, loss);
            if (step + 1) % self.checkpoint_every == 0 {
                self.save()?;
            }
        }
        progress.finish();
        self.save()?;
        figures::write_loss(&self.out.join("loss.svg"), &self.losses)?;
        let trained = format!(
            "{} steps in {:.1} s",
            self.steps - before,
            start.elapsed().as_secs_f64()
        );
        let table = report::write(
            &self.out.join("reconstruction.png"),
            &self.photos,
            &self.model,
            &self.settings,
        )?;
        say(&format!(
            "{table}\n{trained}; {}: reconstruction.png, loss.svg, metrics.csv, {CHECKPOINT}",
            self.out.display()
        ))
    }

    fn save(&self) -> Result<(), Failure> {
        let mut metrics = String::from("step,loss,psnr\n");
        for (step, &loss) in (1..).zip(&self.losses) {
            let psnr = psnr(loss.into());
            metrics += &format!("{step},{loss},{psnr:.3}\n");
        }
        files::replace(&self.out.join("metrics.csv"), metrics.as_bytes())?;
        let checkpoint = Checkpoint {
            losses: self.losses.clone(),
            steps: self.steps,
            settings: self.settings.saved(),
            images: self.images.clone(),
            photographs: self.fingerprint,
            variables: self.model.values()?,
        };
        checkpoint.write(&self.out.join(CHECKPOINT))
    }
}

const CHECKPOINT: &str = "checkpoint.safetensors";

/// The folder's path for a run that is resumed from another folder.
fn absolute(folder: &Path) -> Result<String, Failure> {
    let path = folder
        .canonicalize()
        .map_err(|error| Failure::at(folder, error))?;
    path.into_os_string()
        .into_string()
        .map_err(|_| Failure::at(folder, "a checkpoint holds only paths that are Unicode"))
}

fn warn_of_gaps(settings: &Settings) {
    let (kernel, stride) = (settings.kernel(), settings.stride);
    if kernel < stride {
        note(&format!(
            "warning: a kernel of {kernel} with a stride of {stride} reaches {} of the {} pixels of each block; \
             the others stay grey. A kernel of {stride} or more covers",
            kernel * kernel,
            stride * stride
        ));
    }
}

/// A flag that Ctrl-C sets; a second Ctrl-C ends the program at once.
fn watch_for_interrupts() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|error| Failure::Error(format!("Ctrl-C cannot be watched for: {error}")))?;
    Ok(stop)
}
