use std::collections::BTreeMap;
use std::path::Path;

use safetensors::SafeTensors;
use serde_json::{Value, json};
use tconv::{Tensor, checkpoint};

use crate::{Failure, files};

/// The metadata's one key. One, because safetensors writes several in any order.
const METADATA: &str = "tconv";
/// The name of the tensor of losses, unlike that of any variable.
const LOSSES: &str = "train:losses";
const VERSION: u64 = 1;

/// All that a run consists of; from it the run goes on bit for bit as if it had never stopped.
///
/// In the file the variables and the optimizer's slots have their own names; the rest is JSON in the
/// metadata. The state of the random numbers is the seed, one of the settings, and the step.
#[derive(Debug, PartialEq)]
pub struct Checkpoint {
    /// Steps done: one loss for each.
    pub losses: Vec<f32>,
    /// Steps to be done in all.
    pub steps: u64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// What must be the same for the run to go on, by the names of the flags.
    pub settings: BTreeMap<String, String>,
    /// The folder of the photographs, where they are not those that are built in.
    pub images: Option<String>,
    /// What tells the photographs from others.
    pub photographs: u64,
    /// The values of the variables and the optimizer's slots, by name.
    pub variables: BTreeMap<String, Tensor>,
}

impl Checkpoint {
    /// Writes the file; it takes the place of `path` only when it is complete.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let metadata = json!({
            "version": VERSION,
            "step": self.losses.len(),
            "steps": self.steps,
            "checkpoint_every": self.checkpoint_every,
            "settings": self.settings,
            "images": self.images,
            "photographs": format!("{:016x}", self.photographs),
        });
        let losses = Tensor::new(&[self.losses.len()], self.losses.clone())?;
        let mut values = self.variables.clone();
        values.insert(LOSSES.to_string(), losses);
        let metadata = BTreeMap::from([(METADATA.to_string(), metadata.to_string())]);
        let bytes = checkpoint::to_bytes(&values, metadata)
            .map_err(|error| Failure::at(path, error.message()))?;
        files::replace(path, &bytes)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is another program's.
    pub fn read(path: &Path) -> Result<Checkpoint, Failure> {
        let bytes = std::fs::read(path).map_err(|error| Failure::at(path, error))?;
        parse(&bytes).map_err(|problem| {
            Failure::at(path, format!("no checkpoint of tconv train: {problem}"))
        })
    }
}

fn parse(bytes: &[u8]) -> Result<Checkpoint, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let metadata = header
        .metadata()
        .as_ref()
        .and_then(|metadata| metadata.get(METADATA));
    let metadata = metadata.ok_or(format!("its metadata has no '{METADATA}'"))?;
    let metadata: Value = serde_json::from_str(metadata).map_err(|error| error.to_string())?;
    let missing = |name: &str| format!("its metadata has no sound '{name}'");
    if metadata["version"] != VERSION {
        return Err(format!(
            "it is of version {}, not {VERSION}",
            metadata["version"]
        ));
    }
    let step = metadata["step"].as_u64().ok_or(missing("step"))?;
    let setting =
        |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_string()));
    let settings = metadata["settings"]
        .as_object()
        .and_then(|all| all.iter().map(setting).collect());
    let photographs = metadata["photographs"]
        .as_str()
        .and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let checkpoint_every = metadata["checkpoint_every"]
        .as_u64()
        .filter(|&every| every > 0);
    let mut variables =
        checkpoint::from_bytes(bytes).map_err(|error| error.message().to_string())?;
    let losses = variables
        .remove(LOSSES)
        .ok_or(format!("it has no tensor '{LOSSES}'"))?;
    let losses = losses
        .into_vec::<f32>()
        .map_err(|error| error.to_string())?;
    if losses.len() as u64 != step {
        return Err(format!("it has {} losses for {step} steps", losses.len()));
    }
    Ok(Checkpoint {
        losses,
        steps: metadata["steps"].as_u64().ok_or(missing("steps"))?,
        checkpoint_every: checkpoint_every.ok_or(missing("checkpoint_every"))?,
        settings: settings.ok_or(missing("settings"))?,
        images: metadata["images"].as_str().map(str::to_string),
        photographs: photographs.ok_or(missing("photographs"))?,
        variables,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Checkpoint {
        Checkpoint {
            losses: vec![0.25, 1e-3],
            steps: 9,
            checkpoint_every: 5,
            settings: BTreeMap::from([("kernel".into(), "6".into()), ("seed".into(), "1".into())]),
            images: None,
            photographs: 0xfedc_ba98_7654_3210,
            variables: BTreeMap::from([
                (
                    "w".into(),
                    Tensor::new(&[2, 1], vec![1.5f32, f32::MIN_POSITIVE]).unwrap(),
                ),
                (
                    "w/Adam".into(),
                    Tensor::new(&[2], vec![-0.0f64, 3.0]).unwrap(),
                ),
                ("count".into(), Tensor::scalar(7i64)),
            ]),
        }
    }

    #[test]
    fn it_comes_back_and_is_written_alike() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a"), folder.path().join("b"));
        example().write(&first).unwrap();
        let read = Checkpoint::read(&first).unwrap();
        assert_eq!(read, example());
        read.write(&second).unwrap();
        assert_eq!(
            std::fs::read(&first).unwrap(),
            std::fs::read(&second).unwrap()
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        example().write(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for end in 0..bytes.len() {
            assert!(parse(&bytes[..end]).is_err(), "cut to {end} bytes");
        }
        let text = |from: &str, to: &str| {
            let at = bytes
                .windows(from.len())
                .position(|window| window == from.as_bytes())
                .unwrap();
            [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
        };
        let changed = |from, to| parse(&text(from, to)).unwrap_err();
        assert!(changed(r#"version\":1"#, r#"version\":2"#).contains("version 2"));
        assert!(changed(r#"step\":2"#, r#"step\":3"#).contains("2 losses for 3 steps"));
        assert!(changed(r#"every\":5"#, r#"every\":0"#).contains("checkpoint_every"));
        assert!(changed(r#"tconv":"#, r#"other":"#).contains("no 'tconv'"));
    }
}
