use super::source::{Excerpt, read};
use super::*;

#[track_caller]
fn here() -> Location {
    crate::location::here()
}

/// The notes' program 3.
fn mismatch(location: Location) -> Diagnostic {
    let title = "conv2d_transpose: output_shape fits its value only for some sizes";
    Diagnostic::new(Level::Warning, title)
        .at("conv2d_transpose", "Conv2DBackpropInput", Some(location))
        .note("they agree only for H in {1, 2, 3, 5, 6, 9}")
        .note("H is inputs:0[1]")
        .help(Help::new("stride 4 in conv2d_transpose"))
        .help(
            Help::new("output_shape [N, 3*ceil(H/4), 3*ceil(W/4), 3]")
                .consequence("then 'sub' does not fit")
                .consequence("it is no longer H"),
        )
        .help(Help::new("a crop"))
}

/// Asserts that `said` prints as `expected`, in which `{file}` and `{line}` are its location's; `expected` has
/// the margin of a line number of one digit.
#[track_caller]
fn prints(said: &str, location: Location, expected: &[&str]) {
    let line = location.line.to_string();
    let margin = " ".repeat(line.len() - 1);
    let with_margin = |text: &&str| match text.strip_prefix(' ') {
        Some(_) => format!("{margin}{text}"),
        None => text.to_string(),
    };
    let expected: Vec<String> = expected.iter().map(with_margin).collect();
    let expected = expected.join("\n");
    let expected = expected.replace("{file}", location.file);
    assert_eq!(said, expected.replace("{line}", &line));
}

#[test]
fn the_label_stands_under_its_line() {
    let location = here();
    let expected = [
        "warning: conv2d_transpose: output_shape fits its value only for some sizes",
        " --> {file}:{line}:20",
        "  |",
        "{line} |     let location = here();",
        "  |                    ^^^^ Conv2DBackpropInput 'conv2d_transpose'",
        "  |",
        "  = note: they agree only for H in {1, 2, 3, 5, 6, 9}",
        "  = note: H is inputs:0[1]",
        "  = help: stride 4 in conv2d_transpose",
        "  = help: output_shape [N, 3*ceil(H/4), 3*ceil(W/4), 3]: then 'sub' does not fit; it is no longer H",
        "  = help: a crop",
    ];
    prints(&mismatch(location).to_string(), location, &expected);
}

/// The compiler counts a terminal's columns in what it gives a program, and characters in what it prints.
#[test]
#[rustfmt::skip]
fn wide_characters_and_accents() {
    let (_, location) = ("日本語 é é 🦀", here());
    assert_eq!(location.column, 43);
    let said = Diagnostic::new(Level::Error, "wrong").at("x", "Relu", Some(location));
    let expected = [
        "error: wrong",
        " --> {file}:{line}:40",
        "  |",
        "{line} |     let (_, location) = (\"日本語 é é 🦀\", here());",
        "  |                                           ^^^^ Relu 'x'",
    ];
    prints(&said.to_string(), location, &expected);
}

#[test]
fn without_the_source_the_place_is_named() {
    let location = here();
    let said = render::render(&mismatch(location), None, false);
    let expected = [
        "warning: conv2d_transpose: output_shape fits its value only for some sizes",
        "--> {file}:{line}:20",
        " = note: Conv2DBackpropInput 'conv2d_transpose'",
        " = note: they agree only for H in {1, 2, 3, 5, 6, 9}",
        " = note: H is inputs:0[1]",
        " = help: stride 4 in conv2d_transpose",
        " = help: output_shape [N, 3*ceil(H/4), 3*ceil(W/4), 3]: then 'sub' does not fit; it is no longer H",
        " = help: a crop",
    ];
    let expected = expected.join("\n").replace("{file}", location.file);
    assert_eq!(said, expected.replace("{line}", &location.line.to_string()));
    let nowhere = Diagnostic::new(Level::Error, "wrong").at("x", "Relu", None);
    assert_eq!(
        nowhere.note("why").to_string(),
        "error: wrong\n |\n = note: Relu 'x'\n = note: why"
    );
    assert_eq!(
        Diagnostic::new(Level::Error, "wrong").to_string(),
        "error: wrong"
    );
}

/// Colours are the terminal's; what they colour stays the same.
#[test]
fn colours_change_no_letter() {
    let location = here();
    let said = mismatch(location);
    let mut rest = said.render(true);
    assert!(rest.contains("\x1b["));
    while let Some(start) = rest.find("\x1b[") {
        let end = start + rest[start..].find('m').unwrap();
        rest.replace_range(start..=end, "");
    }
    assert_eq!(rest, said.to_string());
}

#[test]
fn names_cannot_write_to_the_terminal() {
    let said = Diagnostic::new(Level::Warning, "\x1b[2Jtitle")
        .at("\x1b[2Jnode", "Relu", Some(here()))
        .note("\x1b[2Jnote")
        .help(Help::new("\x1b[2Jhelp").consequence("\x1b[2Jmore"));
    assert!(!said.to_string().contains('\x1b'));
}

/// Line, column, and what is underlined.
#[test]
fn what_is_underlined() {
    for (line, column, expected) in [
        (
            "    let y = nn::conv2d_transpose(&x, &w, s)",
            13,
            "nn::conv2d_transpose",
        ),
        ("let x = g.placeholder::<f32>([None])?;", 11, "placeholder"),
        ("let x = g.get_variable(\"w\", [2])?;", 11, "get_variable"),
        (
            "let loss = (&deconv1 - &inputs)?;",
            12,
            "(&deconv1 - &inputs)",
        ),
        ("f((&a + &b(1)?)?, c)", 3, "(&a + &b(1)?)"),
        ("let y = &a + &b;", 9, "&a + &b"),
        ("f(&a + &b, 1)", 3, "&a + &b"),
        ("let y = x.at(0)? + y; // the sum", 9, "x.at(0)? + y"),
        ("x * 2.0 // twice", 1, "x * 2.0"),
        ("match -&x {", 7, "-&x"),
        ("let y = (&a  ", 9, "(&a"),
        ("sizes![1, x.at(0)?]", 1, "sizes"),
        ("\t\tlet y = relu(x)?;\r", 17, "relu"),
        ("größe(\"é\", relu(x))", 1, "größe"),
        ("größe(\"é\", relu(x))", 12, "relu"),
        (");", 1, ")"),
    ] {
        let excerpt = Excerpt::new(line, column, None).unwrap();
        assert_eq!(&excerpt.line[excerpt.expression], expected, "{line}");
    }
    for (line, column) in [("", 1), ("x", 2), ("日", 2), ("\tx", 2), ("x", u32::MAX)] {
        assert_eq!(Excerpt::new(line, column, None), None, "{line:?} {column}");
    }
}

/// Columns of characters where another language says where the expression ends.
#[test]
fn what_is_underlined_between_two_columns() {
    let line = "    日本 = tf.nn.relu(x) + 1  ";
    for (column, end, expected) in [
        // Of a call the name.
        (10, Some(23), Some("tf.nn.relu")),
        (10, Some(17), Some("tf.nn.r")),
        (12, Some(14), Some(".n")),
        (21, Some(23), Some("x)")),
        (21, Some(u32::MAX), Some("x) + 1")),
        (5, Some(7), Some("日本")),
        (10, Some(u32::MAX), Some("tf.nn.relu")),
        (0, None, Some("日本 = tf.nn.relu(x) + 1")),
        (0, Some(4), None),
        (7, Some(7), None),
        (7, Some(5), None),
        (7, Some(0), None),
        (99, Some(100), None),
    ] {
        let excerpt = Excerpt::new(line, column, end);
        let found = excerpt
            .as_ref()
            .map(|excerpt| &excerpt.line[excerpt.expression.clone()]);
        assert_eq!(found, expected, "{column} {end:?}");
    }
    assert_eq!(Excerpt::new("  ", 0, None), None);
}

/// A file that is named by its whole path is read as it is.
#[test]
fn another_languages_program() -> std::io::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("script.py");
    std::fs::write(&path, "import tf\n\ny = tf.square(x)\n")?;
    let path = path.to_str().unwrap_or_default();
    let location = Location::new(path, 3, 5, Some(17));
    assert!(std::ptr::eq(
        location.file,
        Location::new(path, 9, 0, None).file
    ));
    assert_eq!(location.to_string(), format!("{path}:3:5"));
    let said = Diagnostic::new(Level::Error, "wrong").at("Square", "Square", Some(location));
    let expected = [
        "error: wrong",
        " --> {file}:3:5",
        "  |",
        "3 | y = tf.square(x)",
        "  |     ^^^^^^^^^ Square 'Square'",
    ];
    assert_eq!(
        said.to_string(),
        expected.join("\n").replace("{file}", path)
    );
    Ok(())
}

#[test]
fn what_is_no_source_file_is_not_read() -> std::io::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("long.rs");
    assert_eq!(read(directory.path()), None);
    assert_eq!(read(&path), None);
    let file = std::fs::File::create(&path)?;
    assert_eq!(read(&path), Some(Vec::new()));
    file.set_len((4 << 20) + 1)?;
    assert_eq!(read(&path), None);
    Ok(())
}
