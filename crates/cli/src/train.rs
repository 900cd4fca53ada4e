use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::builder::RangedI64ValueParser;
use clap::{ArgMatches, value_parser};
use tconv::{DType, Precision, Tensor};

use crate::geometry::parse_precision;
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
    /// 1024 pixels are reduced to that. A picture that cannot be read is named and skipped.
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

    /// Steps between checkpoints [default: 500, with --resume as before]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=10_000_000))]
    checkpoint_every: Option<u64>,

    /// Threads; 0 means what TCONV_NUM_THREADS says, or as many as the machine offers. The result is the same for any number
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = threads())]
    threads: u16,

    /// How exact products of float32 must be, where the processor has faster ones for less: highest, high or medium. Not a
    /// setting that --resume knows
    #[arg(long, value_name = "NAME", default_value = "highest", value_parser = parse_precision)]
    precision: Precision,
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
    resumed: bool,
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
            precision,
        } = args;
        let path = out.join(CHECKPOINT);
        let saved = match (resume, path.exists()) {
            (false, _) => None,
            (true, true) => Some(Checkpoint::read(&path)?),
            (true, false) => {
                return Err(Failure::Error(format!(
                    "no run there to go on with: {} is missing",
                    path.display()
                )));
            }
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
        warn_of_sizes(&settings);
        let photos = data::photographs(images.as_deref().map(Path::new))?;
        let fingerprint = data::fingerprint(&photos);
        files::make_writable(&out)?;
        let model = Model::new(&settings, threads.into(), precision)?;
        let mut training = Training {
            settings,
            images,
            photos,
            fingerprint,
            model,
            losses: Vec::new(),
            steps: steps.unwrap_or(4000),
            checkpoint_every: checkpoint_every
                .or(saved.as_ref().map(|saved| saved.checkpoint_every))
                .unwrap_or(500),
            out,
            resumed: resume,
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
                let (out, total) = (quoted(&self.out), self.steps);
                return Err(Failure::Interrupted(format!(
                    "stopped after step {step} of {total}; `tconv train --resume --out {out}` goes on from there"
                )));
            }
            let loss = self.model.step(self.batch(step)?)?;
            if !loss.is_finite() {
                progress.finish();
                return Err(self.diverged(&format!("the loss is {loss} at step {}", step + 1)));
            }
            self.losses.push(loss);
            progress.step(step + 1, loss);
            if (step + 1) % self.checkpoint_every == 0 {
                self.save().inspect_err(|_| progress.finish())?;
            }
        }
        progress.finish();
        self.save()?;
        let [reconstruction, chart, metrics, checkpoint] =
            ["reconstruction.png", "loss.svg", METRICS, CHECKPOINT].map(|name| self.out.join(name));
        figures::write_loss(&chart, &self.losses)?;
        let trained = format!(
            "{} steps in {:.1} s",
            self.steps - before,
            start.elapsed().as_secs_f64()
        );
        let table = report::write(&reconstruction, &self.photos, &self.model, &self.settings)?;
        say(&format!(
            "{table}\n{trained}\nwrote {}, {}, {}, {}",
            reconstruction.display(),
            chart.display(),
            metrics.display(),
            checkpoint.display()
        ))
    }

    /// What is learned from in a step, counted from 0.
    fn batch(&self, step: u64) -> Result<Tensor, Failure> {
        let (batch, crop) = (self.settings.batch as usize, self.settings.crop as usize);
        data::batch(&self.photos, self.settings.seed.into(), step, batch, crop)
    }

    fn diverged(&self, symptom: &str) -> Failure {
        let (rate, optimizer) = (self.settings.learning_rate(), self.settings.optimizer);
        let advice = match self.resumed {
            true => "start anew, without --resume, with",
            false => "try",
        };
        Failure::Error(format!(
            "{symptom}: the training diverges. --learning-rate {rate} is too large: {advice} a tenth of it \
             (the default for {} is {})",
            optimizer.name(),
            optimizer.default_rate()
        ))
    }

    /// Writes the checkpoint and the metrics, unless the training has diverged: what was saved before stays.
    fn save(&self) -> Result<(), Failure> {
        let step = self.losses.len() as u64;
        let variables = self.model.values()?;
        for (name, value) in &variables {
            if !is_finite(value)? {
                return Err(self.diverged(&format!("'{name}' is not finite after step {step}")));
            }
        }
        // A step's loss is from before its update; finite weights can still be too large to compute with.
        let loss = self.model.loss(self.batch(step)?)?;
        if !loss.is_finite() {
            return Err(self.diverged(&format!("the loss is {loss} after step {step}")));
        }
        let mut metrics = String::from("step,loss,psnr\n");
        for (step, &loss) in (1..).zip(&self.losses) {
            let psnr = psnr(loss.into());
            metrics += &format!("{step},{loss},{psnr:.3}\n");
        }
        files::replace(&self.out.join(METRICS), metrics.as_bytes())?;
        let checkpoint = Checkpoint {
            losses: self.losses.clone(),
            steps: self.steps,
            checkpoint_every: self.checkpoint_every,
            settings: self.settings.saved(),
            images: self.images.clone(),
            photographs: self.fingerprint,
            variables,
        };
        checkpoint.write(&self.out.join(CHECKPOINT))
    }
}

const CHECKPOINT: &str = "checkpoint.safetensors";
const METRICS: &str = "metrics.csv";

fn is_finite(tensor: &Tensor) -> Result<bool, Failure> {
    Ok(match tensor.dtype() {
        DType::Float32 => tensor.as_slice::<f32>()?.iter().all(|v| v.is_finite()),
        DType::Float64 => tensor.as_slice::<f64>()?.iter().all(|v| v.is_finite()),
        _ => true,
    })
}

/// The path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c);
    match !path.is_empty() && path.chars().all(plain) {
        true => path,
        false if cfg!(windows) => format!("\"{path}\""),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

/// The folder's path for a run that is resumed from another folder.
fn absolute(folder: &Path) -> Result<String, Failure> {
    let path = folder
        .canonicalize()
        .map_err(|error| Failure::at(folder, error))?;
    path.into_os_string()
        .into_string()
        .map_err(|_| Failure::at(folder, "a checkpoint holds only paths that are Unicode"))
}

fn warn_of_sizes(settings: &Settings) {
    let (kernel, stride, crop) = (settings.kernel(), settings.stride, settings.crop);
    if kernel < stride {
        note(&format!(
            "warning: a kernel of {kernel} with a stride of {stride} reaches {} of the {} pixels of each block; \
             the others stay grey. A kernel of {stride} or more covers",
            kernel * kernel,
            stride * stride
        ));
    }
    if crop < kernel {
        note(&format!(
            "warning: crops of {crop} are smaller than the kernel of {kernel}: every window reaches beyond the crop, \
             and learns from padding. A --crop of several times {kernel} gives it photographs to learn from"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn paths_are_one_word_to_a_shell() {
        assert_eq!(quoted(Path::new("out/a-1.b")), "out/a-1.b");
        for path in ["my out", "it's", "$HOME;*", "a\\b c", "~"] {
            let echoed = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(Path::new(path)))])
                .output()
                .unwrap();
            assert_eq!(echoed.stdout, path.as_bytes(), "{path}");
        }
    }

    #[test]
    fn one_number_that_is_not_finite_is_found() {
        let of = |last: f32| Tensor::new(&[3], vec![0.0, f32::MAX, last]).unwrap();
        assert!(is_finite(&of(-1.0)).unwrap());
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!is_finite(&of(bad)).unwrap());
        }
        assert!(!is_finite(&Tensor::scalar(f64::NAN)).unwrap());
        assert!(is_finite(&Tensor::scalar(7i64)).unwrap());
    }
}
