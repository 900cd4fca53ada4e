use std::collections::BTreeMap;
use std::fmt::Display;

use clap::parser::ValueSource;
use clap::{ArgMatches, Parser, ValueEnum, value_parser};

use crate::Failure;

/// What a run is made of: all that must be the same for it to be resumed.
#[derive(clap::Args, Clone, Debug)]
pub struct Settings {
    /// Height and width of the filters [default: one and a half strides]
    ///
    /// At least the stride, or the windows leave rows and columns between them that the code never sees and
    /// that nothing paints: a kernel of 3 with a stride of 4 reaches 9 of each 16 pixels.
    #[arg(long, value_parser = value_parser!(u32).range(1..=256))]
    pub kernel: Option<u32>,

    /// How far the filters' window moves: the code is that many times smaller in height and width
    #[arg(long, default_value_t = 4, value_parser = value_parser!(u32).range(1..=64))]
    pub stride: u32,

    /// Channels of the code: how many numbers stand for each block of stride by stride pixels
    #[arg(long, default_value_t = 12, value_parser = value_parser!(u32).range(1..=4096))]
    pub channels: u32,

    /// Crops in each step
    #[arg(long, default_value_t = 4, value_parser = value_parser!(u32).range(1..=4096))]
    pub batch: u32,

    /// Height and width of the crops; a smaller photograph is mirrored at its edges
    #[arg(long, default_value_t = 97, value_parser = value_parser!(u32).range(1..=1024))]
    pub crop: u32,

    /// How the gradients are used
    #[arg(long, value_enum, default_value_t = Optimizer::Adam)]
    pub optimizer: Optimizer,

    /// [default: 0.002 for adam, 2 for sgd, 0.2 for momentum and nesterov]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = parse_rate)]
    pub learning_rate: Option<f64>,

    /// Where the random numbers start: first weights and choice of crops
    #[arg(long, default_value_t = 1)]
    pub seed: u32,
}

/// An optimizer, under the name that users know it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Optimizer {
    /// Gradient descent
    Sgd,
    /// Gradient descent with a momentum of 0.9
    Momentum,
    /// The same, looking ahead
    Nesterov,
    /// Adam
    Adam,
}

impl Optimizer {
    /// The learning rate that suits it.
    pub fn default_rate(self) -> f64 {
        match self {
            Optimizer::Adam => 0.002,
            Optimizer::Sgd => 2.0,
            Optimizer::Momentum | Optimizer::Nesterov => 0.2,
        }
    }

    /// The name that users know it by.
    pub fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_string())
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    // Weights are float32, and so is what they are changed by.
    let usable = |rate: &f64| *rate as f32 > 0.0 && (*rate as f32).is_finite();
    text.parse()
        .ok()
        .filter(usable)
        .ok_or_else(|| "a learning rate is a number above 0 that a float32 can hold".to_string())
}

/// Settings alone, as a checkpoint holds them.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Saved {
    #[command(flatten)]
    settings: Settings,
}

impl Settings {
    /// The kernel that was asked for, or one that covers.
    pub fn kernel(&self) -> u32 {
        self.kernel.unwrap_or((3 * self.stride).div_ceil(2))
    }

    /// The learning rate that was asked for, or one that suits the optimizer.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
            .unwrap_or_else(|| self.optimizer.default_rate())
    }

    /// Each setting by its flag's name.
    pub fn saved(&self) -> BTreeMap<String, String> {
        let settings: [(&str, &dyn Display); 8] = [
            ("kernel", &self.kernel()),
            ("stride", &self.stride),
            ("channels", &self.channels),
            ("batch", &self.batch),
            ("crop", &self.crop),
            ("optimizer", &self.optimizer.name()),
            ("learning-rate", &self.learning_rate()),
            ("seed", &self.seed),
        ];
        settings
            .into_iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    /// The settings of a checkpoint. Those that `given` has from the command line must be the same.
    ///
    /// # Errors
    /// For settings that are unknown or not the same.
    pub fn resume(
        &self,
        saved: &BTreeMap<String, String>,
        given: Option<&ArgMatches>,
    ) -> Result<Settings, Failure> {
        let flags = saved
            .iter()
            .map(|(name, value)| format!("--{name}={value}"));
        let Saved { settings } = Saved::try_parse_from(flags)
            .map_err(|error| Failure::Error(format!("the checkpoint's settings: {error}")))?;
        let from_command_line = |name: &str| {
            let source = given.and_then(|given| given.value_source(&name.replace('-', "_")));
            source == Some(ValueSource::CommandLine)
        };
        for ((name, asked), stands) in self.saved().iter().zip(settings.saved().values()) {
            if asked != stands && from_command_line(name) {
                return Err(Failure::Error(format!(
                    "--{name} {asked} does not go with --resume: the run in the checkpoint has --{name} {stands}. \
                     Leave the flag out to go on with that run, or --resume to start a new one"
                )));
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back() {
        let settings = Saved::try_parse_from(["--optimizer=sgd", "--stride=3"])
            .unwrap()
            .settings;
        let saved = settings.saved();
        assert_eq!(
            (saved["kernel"].as_str(), saved["learning-rate"].as_str()),
            ("5", "2")
        );
        let again = Saved::try_parse_from([""; 0])
            .unwrap()
            .settings
            .resume(&saved, None)
            .unwrap();
        assert_eq!(again.saved(), saved);
    }

    #[test]
    fn rates() {
        assert!(
            ["0", "-1", "nan", "inf", "x", "1e999", "1e300", "1e-300"]
                .into_iter()
                .all(|text| parse_rate(text).is_err())
        );
        assert_eq!(parse_rate("3e-3"), Ok(0.003));
    }
}
