use annotate_snippets::{
    AnnotationKind, Group, Level as Line, Origin, Renderer, Snippet, normalize_untrusted_str,
};

use super::source::Excerpt;
use super::{Diagnostic, Help, Level};

/// The diagnostic in the manner of rustc, with the line of source that it is about where there is one.
pub fn render(diagnostic: &Diagnostic, excerpt: Option<Excerpt>, color: bool) -> String {
    let level = match diagnostic.level {
        Level::Warning => Line::WARNING,
        Level::Error => Line::ERROR,
    };
    let title = level.primary_title(&diagnostic.title);
    let mut group = Group::with_title(title);
    match (diagnostic.location, excerpt) {
        (Some(location), Some(Excerpt { line, expression })) => {
            let annotation = AnnotationKind::Primary
                .span(expression)
                .label(plain(&diagnostic.label));
            group = group.element(
                Snippet::source(line)
                    .path(location.file)
                    .line_start(location.line as usize)
                    .annotation(annotation),
            );
        }
        (location, _) => {
            if let Some(location) = location {
                let mut origin = Origin::path(location.file).line(location.line as usize);
                if location.column > 0 {
                    origin = origin.char_column(location.column as usize);
                }
                group = group.element(origin);
            }
            if !diagnostic.label.is_empty() {
                group = group.element(Line::NOTE.message(plain(&diagnostic.label)));
            }
        }
    }
    let notes = diagnostic.notes.iter();
    let helps = diagnostic.helps.iter();
    let group = group
        .elements(notes.map(|note| Line::NOTE.message(plain(note))))
        .elements(helps.map(|help| Line::HELP.message(plain(&advice(help)))));
    let renderer = match color {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    renderer.render(&[group])
}

/// Names that a program gives may hold anything; a terminal's control characters are none of it.
fn plain(text: &str) -> String {
    normalize_untrusted_str(text)
}

/// A way to mend and what follows from it.
fn advice(help: &Help) -> String {
    let mut text = help.text.clone();
    if !help.consequences.is_empty() {
        text.push_str(": ");
        text.push_str(&help.consequences.join("; "));
    }
    text
}
