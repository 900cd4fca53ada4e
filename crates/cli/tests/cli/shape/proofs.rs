//! What is proved for every size of the names.

use super::*;

#[test]
fn the_notes_third_program_by_names() {
    let asked = "conv2d_transpose --value N,ceil(H/4),ceil(W/4),20 --filter 3,3,3,20 --strides 3";
    let text = said(&format!("{asked} --output-shape N,H,W,3"));
    contains(
        &text,
        &[
            "gives (N, ceil(H/3), ceil(W/3), 20)",
            "only for H in {1, 2, 3, 5, 6, 9}; fails first at H = 4 (2 and 1)",
            "only for W in {1, 2, 3, 5, 6, 9}; fails first at W = 4 (2 and 1)",
            "a value of ceil(H/4) goes with 3*ceil(H/4) - 2 to 3*ceil(H/4)",
        ],
    );
    let answer = report(&format!("{asked} --output-shape N,H,W,3"));
    assert_eq!(answer["verdict"], "sometimes");
    assert_eq!(
        answer["claims"][1],
        json!({"axis": "height", "given": "H", "makes": "ceil(H/3)", "wanted": "ceil(H/4)",
            "verdict": "sometimes", "holds": "H in {1, 2, 3, 5, 6, 9}", "fails_at": {"H": 4}})
    );
    let mended = report(&format!(
        "{asked} --output-shape N,3*ceil(H/4),3*ceil(W/4)-2,3"
    ));
    assert_eq!(mended["verdict"], "always");
    // The stride of the forward convolution.
    let mended = report(
        "conv2d_transpose --value N,ceil(H/4),ceil(W/4),20 --filter 3,3,3,20 --strides 4 --output-shape N,H,W,3",
    );
    assert_eq!(mended["verdict"], "always");
    let fixed = report(&format!("{asked} --output-shape N,H,97,3"));
    assert_eq!(fixed["claims"][2]["makes"], 33);
    assert_eq!(fixed["claims"][2]["fails_at"], json!({"W": 1}));
}

#[test]
fn what_fits_for_no_size_is_an_error() {
    let message = refused(
        1,
        "conv2d_transpose --value N,H,W,20 --filter 3,3,3,20 --strides 2 --padding VALID --output-shape N,2*H,2*W,3",
    );
    contains(
        &message,
        &[
            "ValueError: Shapes (N, H - 1, W - 1, 20) and (N, H, W, 20) are not compatible",
            "height: 2*H makes H - 1, never H; a value of H goes with 2*H + 1 to 2*H + 2",
        ],
    );
    let asked = "conv2d_transpose --value N,H,W,20 --filter 3,3,3,20 --strides 2 --padding VALID";
    for size in ["2*H+1,2*W+2", "2*H+2,2*W+1"] {
        let size = report(&format!("{asked} --output-shape N,{size},3"));
        assert_eq!(size["verdict"], "always");
    }
    // Known sizes have the library's own error.
    contains(
        &refused(
            1,
            "conv2d_transpose --value 1,25,25,20 --filter 3,3,3,20 --strides 3 --output-shape 1,97,97,3",
        ),
        &[
            "Shapes (1, 33, 33, 20) and (1, 25, 25, 20) are not compatible",
            "73 to 75",
            "stride 4 fits",
        ],
    );
    contains(
        &refused(
            1,
            "conv2d_transpose --value N,H,H,1 --filter 1,1,3,1 --output-shape N,3,4,3",
        ),
        &["each axis fits for some sizes, but never all of them at once"],
    );
    contains(
        &refused(
            1,
            "conv2d_transpose --value N,H,W,1 --filter 1,1,3,1 --output-shape N+1,H,W,3",
        ),
        &["batch: N + 1 makes N + 1, never N"],
    );
    contains(
        &refused(
            1,
            "conv2d_transpose --value N,H,W,C --filter 1,1,3,C+1 --output-shape N,H,W,3",
        ),
        &["channels"],
    );
}

#[test]
fn upsampling_by_eight() {
    let asked = "--filter 16,16,21,21 --strides 8 --output-shape N,H,W,21";
    let answer = report(&format!(
        "conv2d_transpose --value N,ceil(H/8),ceil(W/8),21 {asked}"
    ));
    assert_eq!(answer["verdict"], "always");
    assert_eq!(answer["needs"], json!([]));
    let floors = format!("conv2d_transpose --value N,H/8,W/8,21 {asked}");
    let answer = report(&floors);
    assert_eq!(answer["needs"], json!(["H >= 8", "W >= 8"]));
    assert_eq!(answer["claims"][1]["holds"], "H mod 8 == 0");
    assert_eq!(answer["claims"][1]["fails_at"], json!({"H": 9}));
}

/// `tconv shape` with arguments that hold blanks.
fn where_(args: &str, bounds: &[&str]) -> Output {
    let args: Vec<&str> = args.split_whitespace().collect();
    let bounds: Vec<&str> = bounds.iter().flat_map(|bound| ["--where", bound]).collect();
    tconv(&[&["shape"], &args[..], &bounds].concat())
}

#[test]
fn bounds_of_names_are_believed() {
    let asked = "conv2d_transpose --value N,H/8,W/8,21 --filter 16,16,21,21 --strides 8 --output-shape N,H,W,21 --json";
    let output = where_(
        asked,
        &["H % 8 == 0", "W mod 16 == 0 and W >= 32, W <= 4096"],
    );
    let answer: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&answer["verdict"], &answer["needs"]),
        (&json!("always"), &json!([]))
    );
    let third = "conv2d_transpose --value N,ceil(H/4),3,20 --filter 3,3,3,20 --strides 3 --output-shape N,H,9,3";
    let output = where_(third, &["H > 9"]);
    assert_eq!(output.status.code(), Some(1));
    contains(
        &stderr(&output),
        &["height: H makes ceil(H/3), never ceil(H/4)"],
    );
    let output = where_(third, &["H <= 3"]);
    contains(&stdout(&output), &["ceil(H/3)  ceil(H/4)      always"]);
    for (bound, code, message) in [
        ("H <", 2, "cannot read 'H <' at its end: expected a number"),
        (
            "H >= 3, H < 2",
            2,
            "expected a bound that some H meets: so far H >= 3",
        ),
        ("K > 3", 1, "--where names K, but no size does"),
    ] {
        let output = where_(third, &[bound]);
        assert_eq!(output.status.code(), Some(code), "{bound}");
        contains(&stderr(&output), &[message]);
    }
}
