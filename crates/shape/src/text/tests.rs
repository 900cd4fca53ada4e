use super::*;

#[test]
fn what_people_write() {
    let mut names = Names::new();
    for (text, printed) in [
        ("7", "7"),
        (" -7 ", "-7"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("2*H-1", "2*H - 1"),
        ("H // 4 + 1", "floor(H/4) + 1"),
        ("-H/4", "-ceil(H/4)"),
        ("(H - 1) / 4 + 1", "ceil(H/4)"),
        ("ceil(H/4)", "ceil(H/4)"),
        ("ceil( 2*H / 5 )", "ceil(2*H/5)"),
        ("floor((H+W)/3)", "floor((H + W)/3)"),
        ("8 - 3 - 2", "3"),
        ("12 / 2 * 3", "18"),
        ("2 + 3 * 4", "14"),
        ("H % 8", "H - 8*floor(H/8)"),
        ("H mod 8", "H - 8*floor(H/8)"),
        ("-7 % 3", "2"),
        ("max(3, H, H + 1)", "max(3, H + 1)"),
        ("min(4)", "4"),
        ("--H", "H"),
        ("model + and_so_on", "model + and_so_on"),
        ("H - H", "0"),
        ("12/_h0", "floor(12/_h0)"),
    ] {
        assert_eq!(
            names.parse(text).map(|dim| format!("{dim:?}")).as_deref(),
            Ok(printed),
            "{text}"
        );
    }
    assert_eq!(names.parse("H").unwrap(), names.dim("H"));
    assert_ne!(names.dim("H"), Names::new().dim("H"));
}

#[test]
fn errors_say_where_and_what_is_legal() {
    let mut names = Names::new();
    for (text, from, legal) in [
        ("", "", "a number, a name"),
        ("2*", "", "a number, a name"),
        ("H ** 2", "* 2", "a number, a name"),
        ("2H", "H", "an operator, as in 2*H"),
        ("H W", "W", "an operator"),
        ("(H + 1", "", "an operator or )"),
        ("H)", ")", "an operator"),
        ("ceil H", "H", "("),
        ("ceil(H)", "ceil(H)", "ceil(x/n)"),
        ("1 + ceil(H/4 + 1)", "ceil(H/4 + 1)", "ceil(x/n)"),
        ("floor(H/2*3)", "floor(H/2*3)", "floor(x/n)"),
        ("min()", ")", "a number, a name"),
        ("and", "and", "a number, a name"),
        ("größe", "öße", "an operator"),
        (
            "99999999999999999999",
            "99999999999999999999",
            "at most 9223372036854775807",
        ),
        ("H.5", ".5", "an operator"),
    ] {
        let error = names.parse(text).unwrap_err();
        let ShapeError::Text {
            text: whole,
            at,
            legal: said,
        } = &error
        else {
            panic!("{text}: {error}");
        };
        assert_eq!((whole.as_str(), whole[*at..].trim()), (text, from));
        assert!(said.contains(legal), "{error}");
    }
    assert!(matches!(
        names.parse("H/0"),
        Err(ShapeError::Invalid { .. })
    ));
    assert!(matches!(
        names.parse("9223372036854775807 + 1"),
        Err(ShapeError::Overflow { .. })
    ));
}

#[test]
fn hostile_texts_are_bounded() {
    let mut names = Names::new();
    for text in [
        "(".repeat(100_000),
        "-".repeat(900),
        "(".repeat(900),
        "ceil(".repeat(200),
        format!("{}H{}", "(".repeat(99), ")".repeat(99)),
        vec!["H"; 400].join("*"),
        (0..90)
            .map(|i| format!("(H+x{i})"))
            .collect::<Vec<_>>()
            .join("*"),
        vec!["(H+W+1)"; 120].join("*"),
        format!(
            "min({})",
            (0..150)
                .map(|i| format!("x{i}"))
                .collect::<Vec<_>>()
                .join(",")
        ),
        vec!["9999999999*H"; 70].join("*"),
    ] {
        match names.parse(&text) {
            Ok(dim) => assert!(format!("{dim:?}").len() < 20_000),
            Err(ShapeError::Text { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let deep = |n: usize| format!("{}H{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(names.parse(&deep(99)), Ok(names.dim("H")));
    assert!(
        names
            .parse(&deep(100))
            .unwrap_err()
            .to_string()
            .contains("nested")
    );
    let large = ["9999999999*H"; 3].join("*");
    assert!(
        names
            .parse(&large)
            .unwrap_err()
            .to_string()
            .contains("too large")
    );
}

/// What `Debug` prints is read back as the same expression.
#[test]
fn print_and_parse() {
    let mut seed = 7u64;
    let mut next = move |below: u64| {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    let mut names = Names::new();
    let mut kinds = [0; 4];
    for _ in 0..8_000 {
        let mut stack = vec![names.dim("H"), names.dim("W_1")];
        for _ in 0..7 {
            let a = stack[next(stack.len() as u64) as usize].clone();
            let b = stack[next(stack.len() as u64) as usize].clone();
            let n = next(13) as i64 - 6;
            let by = if n == 0 { 7 } else { n };
            stack.push(
                match next(10) {
                    0 => a.plus(&b),
                    1 => a.minus(&b),
                    2 => a.plus(n),
                    3 => a.times(n),
                    4 => a.floor_div(by),
                    5 => Ok(a.greater(&b)),
                    6 => Ok(a.lesser(n)),
                    7 => a.ceil_div(by),
                    8 => a.times(&b),
                    _ => match b {
                        Dim::Known(0) => a.plus(1),
                        _ => a.floor_div(&b),
                    },
                }
                .unwrap(),
            );
        }
        for dim in stack {
            let text = format!("{dim:?}");
            if text.len() > LONGEST || text.contains("...") {
                continue;
            }
            for (kind, part) in ["ceil", "floor", "max", "min"].iter().enumerate() {
                kinds[kind] += usize::from(text.contains(part));
            }
            assert_eq!(names.parse(&text).as_ref(), Ok(&dim), "{text}");
        }
    }
    assert!(kinds.iter().all(|&n| n > 500), "{kinds:?}");
}

#[test]
fn bounds_of_names() {
    for (texts, described) in [
        (&["H % 8 == 0"][..], "H mod 8 == 0"),
        (&["H mod 8==0"], "H mod 8 == 0"),
        (&["H >= 32"], "H >= 32"),
        (&["H <= 4096"], "1 <= H <= 4096"),
        (&["H == 5"], "H == 5"),
        (&["H > 3", "H < 9"], "4 <= H <= 8"),
        (&["H % 8 == 0 and H >= 32"], "H >= 32 and H mod 8 == 0"),
        (&["W == 1, H > -7 , W < 3", "H % 1 == 0"], "any H"),
    ] {
        let mut names = Names::new();
        for text in texts {
            names.bound(text).unwrap();
        }
        let size = names.parse("H").unwrap();
        let sizes = size.bare().unwrap().sizes();
        assert_eq!(sizes.describe("H"), described, "{texts:?}");
    }
    for (text, from) in [
        ("", ""),
        ("H", ""),
        ("32 <= H", "32 <= H"),
        ("H = 5", "= 5"),
        ("H != 5", "!= 5"),
        ("H % 0 == 0", "0 == 0"),
        ("H % 8 == 8", "8"),
        ("H % 8 >= 1", ">= 1"),
        ("H >= W", "W"),
        ("H >= 3 or H == 1", "or H == 1"),
        ("H >= 3 and", ""),
        ("and >= 3", "and >= 3"),
        ("H >= 99999999999999999999", "99999999999999999999"),
        ("H < 1", "H < 1"),
        ("H > 9223372036854775807", "H > 9223372036854775807"),
        ("H > 5, H < 5", "H < 5"),
        ("H % 2 == 0 and H % 4 == 1", "H % 4 == 1"),
        ("used > 3", "used > 3"),
    ] {
        let mut names = Names::new();
        names.dim("used");
        let error = names.bound(text).unwrap_err();
        let ShapeError::Text { at, .. } = &error else {
            panic!("{text}: {error}");
        };
        assert_eq!(text[*at..].trim(), from, "{error}");
    }
    let mut names = Names::new();
    names
        .bound("H % 999983 == 0, W % 1000000000000 == 7")
        .unwrap();
    assert_eq!(names.bounded().collect::<Vec<_>>(), ["H", "W"]);
    assert_eq!(names.used().count(), 0);
}
