//! What is wrong with a graph, or wrong for some sizes, said before it runs: with the line of the
//! program that it is about, the numbers, and the ways to mend it.

mod render;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::Location;
/// How much a [`Diagnostic`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// The graph runs for some sizes.
    Warning,
    /// The graph runs for none.
    Error,
}

/// A way to mend what a [`Diagnostic`] says, proved: with it the op fits for every size that may be fed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Help {
    /// What to change, to what.
    pub text: String,
    /// What else is then no longer as it was: later ops that do not fit, say.
    pub consequences: Vec<String>,
}

/// What was found wrong, or wrong for some sizes, while a graph was built.
///
/// `Display` prints it as rustc prints its own, without colours; [`Diagnostic::render`] with them too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    level: Level,
    title: String,
    node: String,
    op: String,
    location: Option<Location>,
    label: String,
    notes: Vec<String>,
    helps: Vec<Help>,
}

impl Help {
    /// A way to mend that changes nothing else.
    pub(crate) fn new(text: impl Into<String>) -> Help {
        Help {
            text: text.into(),
            consequences: Vec::new(),
        }
    }

    /// Adds what else is then no longer as it was.
    pub(crate) fn consequence(mut self, consequence: impl Into<String>) -> Help {
        self.consequences.push(consequence.into());
        self
    }
}

impl Diagnostic {
    /// Says this of no node and no line yet.
    pub(crate) fn new(level: Level, title: impl Into<String>) -> Diagnostic {
        Diagnostic {
            level,
            title: title.into(),
            node: String::new(),
            op: String::new(),
            location: None,
            label: String::new(),
            notes: Vec::new(),
            helps: Vec::new(),
        }
    }

    /// Which node it is about, of which op, made at which line; the label names both.
    pub(crate) fn at(mut self, node: &str, op: &str, location: Option<Location>) -> Diagnostic {
        self.label = format!("{op} '{node}'");
        self.node = node.to_string();
        self.op = op.to_string();
        self.location = location;
        self
    }

    /// Adds a note: a reason, a number.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    /// Adds a way to mend it.
    pub(crate) fn help(mut self, help: Help) -> Diagnostic {
        self.helps.push(help);
        self
    }
}

impl Diagnostic {
    /// How much it matters.
    pub fn level(&self) -> Level {
        self.level
    }

    /// What is wrong, in one line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The name of the node that it is about.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The registered name of that node's op.
    pub fn op(&self) -> &str {
        &self.op
    }

    /// The line of the program that made the node.
    pub fn location(&self) -> Option<Location> {
        self.location
    }

    /// What stands under that line.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The reasons and numbers, a line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The ways to mend it.
    pub fn helps(&self) -> &[Help] {
        &self.helps
    }

    /// The text that `Display` prints, with a terminal's colours where `color` says so.
    ///
    /// The program's line is read from its source file. Where there is none, as where a program runs
    /// far from its sources, the place is named alone.
    pub fn render(&self, color: bool) -> String {
        let excerpt = self.location.and_then(source::Excerpt::read);
        render::render(self, excerpt, color)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}
