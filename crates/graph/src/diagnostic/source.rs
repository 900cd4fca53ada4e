//! The line of a source file that a location names.

use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use unicode_width::UnicodeWidthChar;

use crate::Location;

/// The longest source file that is read, in bytes.
const LONGEST: u64 = 4 << 20;

/// A line of source and the bytes of it that one expression, or a call's name, takes.
#[derive(Debug, PartialEq, Eq)]
pub struct Excerpt {
    pub line: String,
    pub expression: Range<usize>,
}

impl Excerpt {
    /// What stands at a location; `None` where no source file has such a line and column.
    pub fn read(location: Location) -> Option<Excerpt> {
        let files = candidates(Path::new(location.file));
        let text = files.iter().find_map(|file| read(file))?;
        let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
        let line = text.split(|&byte| byte == b'\n').nth(line)?;
        let line = std::str::from_utf8(line).ok()?;
        Excerpt::new(line, location.column, location.end)
    }

    /// The expression that begins at a column and ends before `end`, where that is known, and of a call its name; without a column the
    /// whole line.
    pub fn new(line: &str, column: u32, end: Option<u32>) -> Option<Excerpt> {
        let line = line.trim_end();
        let column = usize::try_from(column).ok()?;
        let expression = match end {
            None if column == 0 => line.len() - line.trim_start().len()..line.len(),
            None => {
                let start = start(line, column)?;
                start..start + extent(&line[start..])
            }
            Some(end) => {
                let place = |column: usize| line.char_indices().nth(column).map(|(byte, _)| byte);
                let end = usize::try_from(end).ok()?.checked_sub(1)?;
                let start = place(column.checked_sub(1)?)?;
                let whole = start..place(end).unwrap_or(line.len());
                match called(&line[start..], "_.", &["("]) {
                    Some(name) if start + name < whole.end => start..start + name,
                    _ => whole,
                }
            }
        };
        (!expression.is_empty()).then(|| Excerpt {
            expression,
            line: line.to_string(),
        })
    }
}

/// Where a file may be that the compiler was given as `file`. It names a file of a package as seen from
/// the package's workspace, in which the program may no longer run.
fn candidates(file: &Path) -> Vec<PathBuf> {
    let mut all = vec![file.to_path_buf()];
    // Cargo tells the programs and tests that it runs where their package is.
    if let (true, Some(package)) = (file.is_relative(), std::env::var_os("CARGO_MANIFEST_DIR")) {
        all.extend(Path::new(&package).ancestors().map(|root| root.join(file)));
    }
    all
}

/// A source file; `None` where it is none that can be read or a longer one.
pub(super) fn read(path: &Path) -> Option<Vec<u8>> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return None;
    }
    let mut text = Vec::new();
    let file = File::open(path).ok()?;
    file.take(LONGEST).read_to_end(&mut text).ok()?;
    Some(text)
}

/// The byte at a column as the compiler counts: from 1, in columns of a terminal, of which a tab takes
/// four.
fn start(line: &str, column: usize) -> Option<usize> {
    let mut at = 1;
    for (byte, character) in line.char_indices() {
        let width = match character {
            '\t' => 4,
            character => character.width().unwrap_or(1),
        };
        // An accent of its own belongs to the character before it.
        if at == column && width > 0 {
            return Some(byte);
        }
        at += width;
    }
    None
}

/// How many bytes the name takes that a call begins with: letters, digits and `joints`, then one of `calls`.
fn called(text: &str, joints: &str, calls: &[&str]) -> Option<usize> {
    let in_path = |c: char| c.is_alphanumeric() || joints.contains(c);
    let path = text.find(|c| !in_path(c)).unwrap_or(text.len());
    let name = text[..path].trim_end_matches(':').len();
    let call = calls.iter().any(|call| text[name..].starts_with(call));
    (name > 0 && call).then_some(name)
}

/// How many bytes the expression takes with which `text` begins: of a call its name, of anything else
/// what stands in this line.
fn extent(text: &str) -> usize {
    if let Some(name) = called(text, "_:", &["(", "::<", "!"]) {
        return name;
    }
    let mut depth = 0usize;
    let mut end = text.len();
    for (byte, character) in text.char_indices() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' if depth > 0 => depth -= 1,
            ')' | ']' | '{' | '}' | ';' | ',' if depth == 0 => {
                end = byte;
                break;
            }
            '/' if text[byte..].starts_with("//") => {
                end = byte;
                break;
            }
            _ => {}
        }
    }
    let expression = text[..end].trim_end().trim_end_matches('?');
    // A line that is no longer what was compiled may end before it begins.
    let first = text.chars().next().map_or(0, char::len_utf8);
    expression.len().max(first)
}
