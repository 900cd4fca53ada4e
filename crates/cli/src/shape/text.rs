//! What `tconv shape` says to people.

use std::fmt::Write;

use tconv_shape::Dim;

use super::listing::{Axis, Row, Terms};
use super::taps::{LARGEST, Overlap};

/// Lines with their columns below each other; a column with nothing under its title is left out.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(
            |column| match rows[1..].iter().all(|row| cell(row, column).is_empty()) {
                true => 0,
                false => rows
                    .iter()
                    .map(|row| cell(row, column).chars().count())
                    .max()
                    .unwrap_or(0),
            },
        )
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, width) in widths.iter().enumerate().filter(|(_, width)| **width > 0) {
            let _ = write!(line, "  {:<width$}", cell(row, column));
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// `5 to 6`, or the only one.
pub fn range(least: &Dim, greatest: &Dim) -> String {
    match least == greatest {
        true => format!("{least:?}"),
        false => format!("{least:?} to {greatest:?}"),
    }
}

impl Axis {
    /// What goes with the value, for this or these axes.
    pub fn text(&self, name: &str) -> String {
        let title = format!(
            "{name}: a value of {:?} goes with {}\n",
            self.value,
            range(&self.least, &self.greatest)
        );
        match self.sizes.is_empty() {
            true => title,
            false => title + &self.table(),
        }
    }

    /// Which pixels are fed, and how evenly.
    pub fn coverage(&self) -> String {
        let row = self.row.as_ref().map_or(String::new(), Row::text);
        row + &self.overlap()
    }

    fn table(&self) -> String {
        let some = self.sizes.iter().any(|size| size.unreached > Some(0));
        let titles = [
            "size",
            "padding",
            "first pixel",
            "last pixel",
            "fed by nothing",
        ];
        let mut rows = vec![titles.map(String::from).to_vec()];
        for size in &self.sizes {
            let padding = |(before, after)| format!("{before} and {after}");
            let border = |end: usize| {
                size.border
                    .as_ref()
                    .map_or(String::new(), |both| both[end].text())
            };
            let unreached = |count: i64| format!("{count} of {:?}", size.size);
            rows.push(vec![
                format!("{:?}", size.size),
                size.padding.map_or(String::new(), padding),
                border(0),
                border(1),
                size.unreached
                    .filter(|_| some)
                    .map_or(String::new(), unreached),
            ]);
        }
        table(&rows)
    }

    fn overlap(&self) -> String {
        let Some(overlap) = &self.overlap else {
            return match self.window.kernel().known() {
                Some(kernel) => format!(
                    "  a kernel of {kernel} is not counted through, only those up to {LARGEST}\n"
                ),
                None => String::new(),
            };
        };
        overlap.text(self.window.stride(), self.window.dilation())
    }
}

impl Terms {
    /// `value[0]*filter[2] + value[1]*filter[0]`
    fn text(&self) -> String {
        let term = |(pixel, tap): &(i64, i64)| format!("value[{pixel}]*filter[{tap}]");
        let mut terms: Vec<String> = self.first.iter().map(term).collect();
        match self.count - terms.len() {
            0 if terms.is_empty() => return "0: nothing feeds it".into(),
            0 => {}
            more => terms.push(format!("{more} more")),
        }
        terms.join(" + ")
    }
}

impl Row {
    /// The numbers, and bars as high as they are.
    fn text(&self) -> String {
        let all = || self.start.iter().chain(self.end.iter().flatten());
        let greatest = all().copied().max().unwrap_or(0);
        let width = greatest.to_string().len();
        let numbers = |counts: &[i64]| -> String {
            counts
                .iter()
                .map(|count| format!(" {count:>width$}"))
                .collect()
        };
        let bars = |counts: &[i64]| -> String {
            counts
                .iter()
                .map(|&count| format!(" {:>width$}", bar(count, greatest)))
                .collect()
        };
        let (title, rest) = match (self.size, &self.end) {
            (Some(size), None) => (format!("each of {size} pixels"), None),
            (Some(size), Some(end)) => (format!("each of {size} pixels"), Some(&end[..])),
            (None, _) => ("each pixel from the border on".into(), Some(&[][..])),
        };
        let join = |part: &dyn Fn(&[i64]) -> String| {
            let rest = rest.map_or(String::new(), |rest| format!(" ...{}", part(rest)));
            format!("   {}{rest}\n", part(&self.start))
        };
        format!(
            "  {title} is fed by so many of the value:\n{}{}",
            join(&bars),
            join(&numbers)
        )
    }
}

/// An eighth of a block for each eighth of `greatest`, rounded up.
fn bar(count: i64, greatest: i64) -> char {
    let eighths = (count * 8 + greatest - 1) / greatest.max(1);
    ['.', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][eighths.clamp(0, 8) as usize]
}

impl Overlap {
    fn text(&self, stride: i64, dilation: i64) -> String {
        let better = self.better.as_ref();
        let evenly = || match better.and_then(|better| better.even.zip(better.next_even)) {
            Some((even, next)) if even == next => {
                format!("; the smallest kernel with even counts is {even}")
            }
            Some((even, next)) => {
                format!("; the smallest kernel with even counts is {even}, the next one {next}")
            }
            None => String::new(),
        };
        if self.is_even() {
            return format!(
                "  even: away from the borders each pixel is fed by {}\n",
                self.least
            );
        }
        if self.holes == 0 {
            let (least, greatest) = (self.least, self.greatest);
            return format!(
                "  uneven, a checkerboard: {least} to {greatest}{}\n",
                evenly()
            );
        }
        let mend = match better.map(|better| better.without_holes) {
            Some(Some(kernel)) => format!("; the smallest kernel that feeds all is {kernel}"),
            Some(None) => format!(
                "; no kernel feeds all, since {stride} and {dilation} (the dilation) have a common factor"
            ),
            None => String::new(),
        };
        format!(
            "  holes: nothing feeds {} of every {stride} pixels{mend}\n",
            self.holes
        )
    }
}
