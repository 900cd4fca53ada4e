//! The flags that all convolutions share, named as TensorFlow's arguments.

use std::str::FromStr;

use tconv::nn::ConvBuilder;
use tconv::{DataFormat, Padding, Precision};

/// Strides, padding, data format and dilations of a forward convolution.
#[derive(clap::Args)]
pub struct Geometry {
    /// How far the forward window moves: one number, height,width or all four; 1 where not given
    #[arg(long, value_name = "SIZES", allow_hyphen_values = true)]
    pub strides: Option<Integers>,
    /// SAME, VALID, or rows and columns added at top,bottom,left,right; SAME where not given
    #[arg(long, allow_hyphen_values = true, value_parser = parse_padding)]
    pub padding: Option<Padding>,
    /// NHWC or NCHW
    #[arg(long, value_name = "FORMAT", default_value = "NHWC", value_parser = parse_format)]
    pub data_format: DataFormat,
    /// How far apart the filter's elements are: one number, height,width or all four; 1 where not given
    #[arg(long, value_name = "SIZES", allow_hyphen_values = true)]
    pub dilations: Option<Integers>,
}

impl Geometry {
    /// The convolution with these flags; what was not given stays as it is.
    pub fn of<'a>(&self, mut conv: ConvBuilder<'a>) -> ConvBuilder<'a> {
        if let Some(Integers(strides)) = &self.strides {
            conv = conv.strides(strides.clone());
        }
        if let Some(Integers(dilations)) = &self.dilations {
            conv = conv.dilations(dilations.clone());
        }
        if let Some(padding) = &self.padding {
            conv = conv.padding(padding.clone());
        }
        conv.data_format(self.data_format)
    }
}

/// Integers with commas between them.
#[derive(Clone, Debug)]
pub struct Integers(pub Vec<i64>);

impl FromStr for Integers {
    type Err = String;

    fn from_str(text: &str) -> Result<Integers, String> {
        let number = |part: &str| {
            let part = part.trim();
            part.parse()
                .map_err(|_| format!("'{part}' is no integer; write them as in 1,5,5,3"))
        };
        text.split(',')
            .map(number)
            .collect::<Result<_, _>>()
            .map(Integers)
    }
}

fn parse_padding(text: &str) -> Result<Padding, String> {
    let padding = paddings(text).filter(|padding| match padding {
        Padding::Explicit(pads) => pads.len() == 2,
        _ => true,
    });
    padding.ok_or_else(|| {
        format!(
            "{}padding must be either VALID or SAME, or four numbers: top,bottom,left,right",
            capitals(text, &["SAME", "VALID"])
        )
    })
}

/// The padding of any number of axes, if the text is one.
fn paddings(text: &str) -> Option<Padding> {
    match text {
        "SAME" => Some(Padding::Same),
        "VALID" => Some(Padding::Valid),
        _ => {
            let Integers(pads) = text.parse().ok()?;
            let (pairs, rest) = pads.as_chunks();
            let pairs = pairs.iter().map(|&[before, after]| (before, after));
            rest.is_empty().then(|| Padding::Explicit(pairs.collect()))
        }
    }
}

/// What `--precision` takes.
///
/// # Errors
/// Another text than the three names.
pub fn parse_precision(text: &str) -> Result<Precision, String> {
    text.parse::<Precision>().map_err(|error| error.to_string())
}

/// `SAME`, `VALID`, or two numbers for each axis.
pub fn parse_paddings(text: &str) -> Result<Padding, String> {
    paddings(text).ok_or_else(|| {
        format!(
            "{}padding must be either VALID or SAME, or two numbers for each axis: top,bottom,left,right",
            capitals(text, &["SAME", "VALID"])
        )
    })
}

/// A padding as it is given.
pub fn padding_text(padding: &Padding) -> String {
    match padding {
        Padding::Same => "SAME".into(),
        Padding::Valid => "VALID".into(),
        Padding::Explicit(pads) => {
            let all = pads.iter().flat_map(|&(before, after)| [before, after]);
            all.map(|n| n.to_string()).collect::<Vec<_>>().join(",")
        }
    }
}

fn parse_format(text: &str) -> Result<DataFormat, String> {
    match text {
        "NHWC" => Ok(DataFormat::ChannelsLast),
        "NCHW" => Ok(DataFormat::ChannelsFirst),
        _ => Err(format!(
            "{}data_format must be either NHWC or NCHW",
            capitals(text, &["NHWC", "NCHW"])
        )),
    }
}

/// How to write a name that is right but for its case: TensorFlow takes capitals only.
fn capitals(text: &str, names: &[&str]) -> String {
    names
        .iter()
        .find(|name| name.eq_ignore_ascii_case(text))
        .map_or_else(String::new, |name| format!("write {name}: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_paddings() {
        assert_eq!(
            "1, -2,3".parse::<Integers>().map(|list| list.0),
            Ok(vec![1, -2, 3])
        );
        assert!("1,,3".parse::<Integers>().is_err());
        assert!("99999999999999999999".parse::<Integers>().is_err());
        assert_eq!(
            parse_padding("1,2,3,4"),
            Ok(Padding::Explicit(vec![(1, 2), (3, 4)]))
        );
        assert!(parse_padding("1,2,3").is_err());
        assert!(parse_padding("same").is_err());
    }
}
