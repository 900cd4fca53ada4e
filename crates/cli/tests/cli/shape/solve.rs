//! `--solve`.

use super::*;

/// All `(kernel, stride, dilation, padding)` that an answer lists.
fn listed(rows: &Value) -> Vec<(i64, i64, i64, String)> {
    let mut all = Vec::new();
    for row in rows.as_array().unwrap() {
        let number = |value: &Value| value.as_i64().unwrap();
        for kernel in number(&row["kernels"][0])..=number(&row["kernels"][1]) {
            let padding = row["padding"].as_str().unwrap().to_string();
            all.push((
                kernel,
                number(&row["stride"]),
                number(&row["dilation"]),
                padding,
            ));
        }
    }
    all.sort();
    all
}

#[test]
fn solutions_are_all_that_go_forward_and_no_others() {
    for (value, output) in [(3, 6), (25, 97), (7, 3), (1, 1), (4, 9), (5, 21)] {
        let asked =
            format!("conv2d_transpose --value 1,{value},2,1 --output-shape 1,{output},4,3 --solve");
        let solutions = report(&asked)["solutions"].clone();
        let mut expected = [Vec::new(), Vec::new()];
        for (kernel, stride, dilation) in
            (1..=7).flat_map(|k| (1..=4).flat_map(move |s| (1..=2).map(move |d| (k, s, d))))
        {
            for (padding, name) in [(AxisPadding::Same, "SAME"), (AxisPadding::Valid, "VALID")] {
                let window = Window::new(kernel, stride, dilation, padding).unwrap();
                for (axis, (value, output)) in [(value, output), (2, 4)].into_iter().enumerate() {
                    let fits = window.output(&Dim::Known(output)) == Ok(Dim::Known(value));
                    if fits && !(kernel == 1 && dilation > 1) {
                        expected[axis].push((kernel, stride, dilation, name.to_string()));
                    }
                }
            }
        }
        expected.iter_mut().for_each(|all| all.sort());
        assert_eq!(
            listed(&solutions["height"]),
            expected[0],
            "{value} {output}"
        );
        assert_eq!(listed(&solutions["width"]), expected[1]);
        let [height, width] = expected;
        let both: Vec<_> = height
            .into_iter()
            .filter(|one| width.contains(one))
            .collect();
        assert_eq!(listed(&solutions["square"]), both);
        // The other way round.
        let asked = format!("conv2d --input 1,{output},4,1 --output-shape 1,{value},2,3 --solve");
        assert_eq!(listed(&report(&asked)["solutions"]["square"]), both);
    }
}

#[test]
fn solving_keeps_what_is_given_and_proves_names() {
    let asked = "conv2d_transpose --value 1,3,3,1 --output-shape 1,6,6,3 --solve";
    let first = &report(asked)["solutions"]["square"][0];
    assert_eq!(
        first,
        &json!({"padding": "SAME", "stride": 2, "dilation": 1, "kernels": [1, 7], "even_kernels": [2, 4, 6]})
    );
    contains(
        &said(asked),
        &[
            "SAME     2       1 to 7  1         2, 4, 6",
            "height and width: 3 to 6",
        ],
    );
    let fixed = report(&format!(
        "{asked} --filter 4,4,3,1 --padding VALID --dilations 1"
    ));
    assert_eq!(
        listed(&fixed["solutions"]["square"]),
        [(4, 1, 1, "VALID".to_string())]
    );
    let fixed = report(&format!(
        "{asked} --strides 2 --padding 1,1,1,1 --max-dilation 1"
    ));
    assert_eq!(
        listed(&fixed["solutions"]["height"]),
        [3, 4].map(|kernel| (kernel, 2, 1, "1,1,1,1".to_string()))
    );
    contains(&said(&format!("{asked} --strides 3")), &["none"]);
    let named = report(
        "conv2d_transpose --value N,ceil(H/4),W,1 --output-shape N,H,2*W+1,3 --solve --max-dilation 1",
    );
    let four = |kernel| (kernel, 4, 1, "SAME".to_string());
    let valid = |kernel, stride| (kernel, stride, 1, "VALID".to_string());
    let mut height: Vec<_> = (1..=7).map(four).chain([valid(1, 4)]).collect();
    height.sort();
    assert_eq!(listed(&named["solutions"]["height"]), height);
    assert_eq!(
        listed(&named["solutions"]["width"]),
        [valid(2, 2), valid(3, 2)]
    );
    assert_eq!(named["solutions"]["square"], json!([]));
    contains(
        &refused(
            1,
            "conv2d_transpose --value 1,3,3,1 --output-shape 2,6,6,3 --solve",
        ),
        &["Shapes (2, None, None, None) and (1, 3, 3, 1) are not compatible"],
    );
    assert!(
        refused(1, "conv2d --input N,3,3,1 --output-shape N+1,3,3,3 --solve").contains("batch")
    );
    assert!(refused(2, "conv2d_transpose --value 1,3,3,1 --solve").contains("--output-shape"));
    assert!(refused(2, &format!("{asked} --max-stride 0")).contains("1..=100"));
    assert!(
        refused(2, "conv2d --input 1,3,3,1 --filter 1,1,1,1 --max-stride 2").contains("--solve")
    );
}
