//! What is printed of a measurement.

use clap::ValueEnum;
use serde_json::{Value, json};
use tconv::Precision;
use tconv_kernels::simd::InstructionSet;

use super::Type;
use super::case::{Case, pass_name};
use super::measure::Measured;
use crate::geometry::padding_text;
use crate::shape::table;

/// A case and what was measured of it.
pub struct Report<'a> {
    pub case: &'a Case,
    pub measured: Measured,
    pub dtype: Type,
    pub precision: Precision,
    pub set: InstructionSet,
    pub threads: usize,
}

impl Report<'_> {
    fn dtype(&self) -> String {
        let name = self.dtype.to_possible_value();
        name.map_or(String::new(), |name| name.get_name().to_string())
    }

    fn median(&self) -> f64 {
        let mut times = self.measured.times.clone();
        times.sort_by(f64::total_cmp);
        let middle = times.len() / 2;
        match times.len() % 2 {
            0 => (times[middle - 1] + times[middle]) / 2.0,
            _ => times[middle],
        }
    }

    fn least(&self) -> f64 {
        let times = self.measured.times.iter();
        times.copied().fold(f64::INFINITY, f64::min)
    }

    /// Operations a second.
    fn speed(&self) -> f64 {
        self.case.operations() / self.median()
    }

    /// All of it; `peak` is what the machine can do, in operations a second.
    pub fn json(&self, peak: f64) -> Value {
        let (case, measured) = (self.case, &self.measured);
        let shape = &case.shape;
        let passes = case.op.passes.iter().map(|&pass| pass_name(pass));
        let algorithm = match &measured.algorithms[..] {
            [one] => json!(one),
            all => Value::Object(
                passes
                    .map(String::from)
                    .zip(all.iter().map(|name| json!(name)))
                    .collect(),
            ),
        };
        json!({
            "op": case.op.name,
            "layer": case.layer.map(|layer| layer.name),
            "input": case.input(),
            "output_shape": case.output(),
            "kernel": shape.axes.iter().map(|axis| axis.kernel).collect::<Vec<_>>(),
            "strides": shape.axes.iter().map(|axis| axis.stride).collect::<Vec<_>>(),
            "dilations": shape.axes.iter().map(|axis| axis.dilation).collect::<Vec<_>>(),
            "padding": padding_text(&case.padding),
            "groups": shape.groups,
            "format": shape.format.name(shape.axes.len()),
            "filter": if measured.constant { "constant" } else { "fresh" },
            "dtype": self.dtype(),
            "precision": self.precision.name(),
            "threads": self.threads,
            "isa": self.set.to_string(),
            "algorithm": algorithm,
            "scratch_bytes": measured.scratch_bytes,
            "filter_bytes": measured.filter_bytes,
            "times_s": measured.times,
            "calls_per_time": measured.batch,
            "median_s": self.median(),
            "min_s": self.least(),
            "gflops": self.speed() / 1e9,
            "peak_gflops": peak / 1e9,
            "checked": measured.checked,
            "max_error": measured.error,
        })
    }
}

/// All of them below each other.
pub fn text(reports: &[Report<'_>], peak: f64) -> String {
    let titles = [
        "",
        "median",
        "least",
        "GF/s",
        "of peak",
        "algorithm",
        "scratch",
        "filter",
    ];
    let mut lines = vec![titles.map(String::from).to_vec()];
    for report in reports {
        let measured = &report.measured;
        lines.push(vec![
            report.case.title(),
            duration(report.median()),
            duration(report.least()),
            format!("{:>6.1}", report.speed() / 1e9),
            format!("{:>5.1} %", report.speed() / peak * 100.0),
            measured.algorithms.join(" / "),
            bytes(measured.scratch_bytes),
            bytes(measured.filter_bytes),
        ]);
    }
    let machine = reports.first().map(|report| {
        let threads = match report.threads {
            1 => "1 thread".into(),
            n => format!("{n} threads"),
        };
        format!(
            "{} of {} on {threads} with {}: the machine's peak is {:.1} GF/s\n",
            report.case.op.name,
            report.dtype(),
            report.set,
            peak / 1e9
        )
    });
    machine.unwrap_or_default() + table(&lines).trim_end()
}

/// A time as people read it.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:>7.2} µs", s * 1e6),
        s if s < 1.0 => format!("{:>7.3} ms", s * 1e3),
        s => format!("{s:>7.3} s"),
    }
}

/// An amount of memory as people read it.
pub fn bytes(bytes: usize) -> String {
    match bytes {
        0 => "0".into(),
        n if n < 10_000 => format!("{n} B"),
        n if n < 10_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        n => format!("{:.1} MB", n as f64 / 1e6),
    }
}
