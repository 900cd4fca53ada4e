//! What people read, and what a session does with sizes that do not fit.

use super::*;

/// The notes' program 3, with `[None, None, None, 3]`, up to its loss.
fn program_3(stride: i64) -> Result<(Graph, Output, Output)> {
    let g = Graph::new();
    let inputs = g.placeholder_named::<f32>("inputs", [None, None, None, Some(3)])?;
    let conv1 = slim::conv2d(&inputs, 20, 3).stride(4).build()?;
    let de_weight = g.get_variable("de_weight", [3, 3, 3, 20])?;
    let deconv1 = nn::conv2d_transpose(&conv1, &de_weight, inputs.shape()?)
        .strides([1, stride, stride, 1])
        .padding(Same)
        .build()?;
    let loss = (&deconv1 - &inputs)?;
    Ok((g, inputs, loss))
}

#[test]
fn program_3_is_explained() {
    let (g, ..) = program_3(3).unwrap();
    let found = g.diagnostics();
    assert_eq!(found.len(), 1, "{found:?}");
    let text = found[0].to_string();
    for line in [
        "conv2d_transpose: output_shape fits its value only for some sizes",
        "height: 'Conv/Relu' is ceil(H/4) high, but going back from a height of H with stride 3 needs ceil(H/3)",
        "they agree only for H in {1, 2, 3, 5, 6, 9}; the smallest H that fails is 4: 1 and 2",
        "width: the same, with W",
        "H is inputs:0[1], W is inputs:0[2]",
        "stride 4 in 'conv2d_transpose'",
        "stride 3 in 'Conv/Conv2D'",
        "output_shape [N, 3*ceil(H/4), 3*ceil(W/4), 3], which is no longer H and W",
        "'sub' fits only for",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let (g, ..) = program_3(4).unwrap();
    assert!(g.diagnostics().is_empty());
}

#[test]
fn a_feed_that_cannot_fit_fails_before_anything_runs() {
    let (g, inputs, loss) = program_3(3).unwrap();
    let session = Session::new(&g);
    let feed = |size: usize| feed![inputs => Tensor::full(&[1, size, size, 3], 1.0f32).unwrap()];
    // As in TensorFlow the variables come first.
    let error = session.run_with(&loss, feed(97)).unwrap_err();
    assert_eq!(error.code(), tconv::Code::FailedPrecondition, "{error:?}");
    session.run(&g.global_variables_initializer()).unwrap();
    let error = session.run_with(&loss, feed(97)).unwrap_err();
    assert_eq!(error.code(), tconv::Code::InvalidArgument);
    assert_eq!(
        error.message(),
        "Conv2DSlowBackpropInput: Size of out_backprop doesn't match computed: actual = 25, computed = 33"
    );
    assert_eq!(
        (error.node(), error.op()),
        ("conv2d_transpose", "Conv2DBackpropInput")
    );
    let text = error.to_string();
    for part in [
        "this graph runs only with H in {1, 2, 3, 5, 6, 9}, where H is inputs:0[1]; 97 was fed: the nearest that fits \
         is 9 below, none above",
        "value: Conv/Relu:0 (1, 25, 25, 20) float32",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // The session goes on.
    assert_eq!(
        session.run_with(&loss, feed(9)).unwrap().shape(),
        [1, 9, 9, 3]
    );
    // The error is the one that running would have given: feeding the value in between runs it.
    let value = g.tensor("Conv/Relu:0").unwrap();
    let between = feed![inputs => Tensor::full(&[1, 97, 97, 3], 1.0f32).unwrap(),
        value => Tensor::full(&[1, 25, 25, 20], 1.0f32).unwrap()];
    let run = session.run_with(&loss, between).unwrap_err();
    assert_eq!(
        (run.message(), run.node(), run.op()),
        (error.message(), error.node(), error.op())
    );
    assert!(!run.to_string().contains("this graph runs only"));
}

#[test]
fn strict_graphs_refuse_what_fits_only_for_some_sizes() {
    let g = Graph::new();
    g.set_strict(true);
    let inputs = g
        .placeholder_named::<f32>("inputs", [None, None, None, Some(3)])
        .unwrap();
    let small = slim::conv2d(&inputs, 20, 3).stride(4).build().unwrap();
    let filter = g.get_variable("filter", [3, 3, 3, 20]).unwrap();
    let before = g.operations().len();
    let error = nn::conv2d_transpose(&small, &filter, inputs.shape().unwrap())
        .strides(3)
        .padding(Same)
        .build()
        .unwrap_err();
    assert!(error.code().is_building());
    assert!(
        error
            .to_string()
            .contains("they agree only for H in {1, 2, 3, 5, 6, 9}"),
        "{error}"
    );
    assert!(error.to_string().contains("stride 4"), "{error}");
    // Nothing but what the arguments are made of was added.
    assert!(
        g.operations()
            .iter()
            .skip(before)
            .all(|op| op.op_name() != "Conv2DBackpropInput")
    );
}

#[test]
fn sizes_of_two_placeholders_are_a_requirement_and_no_mistake() {
    let g = Graph::new();
    g.set_strict(true);
    let images = g
        .placeholder_named::<f32>("images", [None, Some(4)])
        .unwrap();
    let labels = g
        .placeholder_named::<f32>("labels", [None, Some(4)])
        .unwrap();
    let loss = (&images - &labels).unwrap();
    assert!(g.diagnostics().is_empty());
    assert_eq!(requirements(&g, &loss), ["images:0[0] == labels:0[0]"]);
    let session = Session::new(&g);
    let of = |rows: usize| Tensor::full(&[rows, 4], 1.0f32).unwrap();
    session
        .run_with(&loss, feed![images => of(3), labels => of(3)])
        .unwrap();
    // By broadcasting, as in TensorFlow.
    session
        .run_with(&loss, feed![images => of(3), labels => of(1)])
        .unwrap();
    let error = session
        .run_with(&loss, feed![images => of(3), labels => of(2)])
        .unwrap_err();
    assert_eq!(error.message(), "Incompatible shapes: [3,4] vs. [2,4]");
    let text = error.to_string();
    assert!(text.contains("images:0[0] == labels:0[0] (or one of them 1, which is repeated); images:0[0] is 3, labels:0[0] is 2 as fed"), "{text}");
    // Sizes of 0 are left to the run.
    session
        .run_with(&loss, feed![images => of(0), labels => of(1)])
        .unwrap();
}

#[test]
fn one_name_means_one_size() {
    let g = Graph::new();
    let images = g
        .placeholder_named::<f32>("images", shape!["N", "H", "W", 3])
        .unwrap();
    let masks = g
        .placeholder_named::<f32>("masks", shape!["N", "H", "W", 1])
        .unwrap();
    let both = array::concat(&[images.clone(), masks.clone()], 3).unwrap();
    assert!(g.diagnostics().is_empty() && g.requirements(&both).unwrap().is_empty());
    assert_eq!(both.static_shape().to_string(), "(None, None, None, 4)");
    let session = Session::new(&g);
    let of = |h: usize, c: usize| Tensor::full(&[1, h, 5, c], 1.0f32).unwrap();
    session
        .run_with(&both, feed![images => of(7, 3), masks => of(7, 1)])
        .unwrap();
    let error = session
        .run_with(&both, feed![images => of(7, 3), masks => of(8, 1)])
        .unwrap_err();
    assert_eq!(
        error.message(),
        "Cannot feed value of shape (1, 8, 5, 1) for Tensor masks:0, which has shape (None, None, None, 1)"
    );
    assert!(
        error.to_string().contains("H is 8 here, but 7 in images:0"),
        "{error}"
    );
    session
        .run_with(&both, feed![images => of(7, 3), masks => of(7, 1)])
        .unwrap();
}

#[test]
fn a_size_may_be_an_expression_in_another() {
    let g = Graph::new();
    let twice = tconv::Dim::from("H").times(2).unwrap();
    let small = g
        .placeholder_named::<f32>("small", shape!["N", "H"])
        .unwrap();
    let large = g
        .placeholder_named::<f32>("large", shape!["N", &twice])
        .unwrap();
    let both = array::concat(&[small.clone(), small.clone()], 1).unwrap();
    let sum = (&both + &large).unwrap();
    assert!(g.diagnostics().is_empty() && g.requirements(&sum).unwrap().is_empty());
    let session = Session::new(&g);
    let of = |width: usize| Tensor::full(&[3, width], 1.0f32).unwrap();
    session
        .run_with(&sum, feed![small => of(5), large => of(10)])
        .unwrap();
    let error = session
        .run_with(&sum, feed![small => of(5), large => of(9)])
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("axis 1 is 9, it must be 2*H, which is 10"),
        "{error}"
    );
}

#[test]
fn a_name_is_no_expression() {
    let g = Graph::new();
    let error = g
        .placeholder_named::<f32>("x", shape!["N", "2*H"])
        .unwrap_err();
    assert_eq!(error.message(), "'2*H' is no name of a size");
    assert!(error.to_string().contains("in Rust that of Dim"), "{error}");
}

#[test]
fn what_is_promised_of_a_size_is_used_and_checked() {
    let eights = || SizeSet::congruent(8, 0).intersect(&SizeSet::range(32..=4096));
    let promised = |name: &str| tconv::Dim::unknown_in(name, eights());
    let sizes = || Shape::new(vec!["N".into(), promised("H"), promised("W"), 2.into()]);
    let net = Net::new(sizes()).unwrap();
    let mut y = net.x.clone();
    for _ in 0..3 {
        y = net.conv(&y, 3, 2, Same).unwrap();
    }
    for _ in 0..3 {
        y = net.double(&y).unwrap();
    }
    let y = array::concat(&[y, net.x.clone()], 3).unwrap();
    assert!(net.g.diagnostics().is_empty() && net.g.requirements(&y).unwrap().is_empty());
    let session = Session::new(&net.g);
    let of = |h: usize| Tensor::full(&[1, h, 32, 2], 1.0f32).unwrap();
    assert_eq!(
        session
            .run_with(&y, feed![net.x => of(40)])
            .unwrap()
            .shape(),
        [1, 40, 32, 4]
    );
    for (size, help) in [
        (41, "the nearest that fit are 40 and 48"),
        (24, "the nearest that fits is 32 above, none below"),
        (4104, "the nearest that fits is 4096 below, none above"),
        (0, "32 above"),
    ] {
        let error = session.run_with(&y, feed![net.x => of(size)]).unwrap_err();
        assert!(error.to_string().contains(help), "{size}: {error}");
    }
    // The same name with other promises.
    let error = net
        .g
        .placeholder_named::<f32>("z", shape!["N", "H"])
        .unwrap_err();
    assert!(
        error.to_string().contains("H has been declared otherwise"),
        "{error}"
    );
}

#[test]
fn conditions_are_decided() {
    let h = tconv::Dim::from("H");
    let equal = |a: &tconv::Dim, b: &tconv::Dim| Condition::Equal(a.clone(), b.clone()).prove();
    let quarter = h.ceil_div(4).unwrap();
    assert_eq!(
        equal(&h.ceil_div(2).unwrap().ceil_div(2).unwrap(), &quarter),
        tconv::Verdict::Always
    );
    assert_eq!(equal(&h, &h.plus(1).unwrap()), tconv::Verdict::Never);
}

#[test]
fn unequal_strides_are_explained_and_mended() {
    let net = Net::new(shape![None, None, None, 2]).unwrap();
    let small = nn::conv2d(&net.x, net.filter(3, 2, 2).unwrap())
        .strides([2, 3])
        .padding(Same);
    let small = small.build().unwrap();
    let back = nn::conv2d_transpose(&small, net.filter(3, 2, 2).unwrap(), net.x.shape().unwrap());
    back.strides([3, 2]).padding(Same).build().unwrap();
    let text = net.g.diagnostics()[0].to_string();
    for part in [
        "height: 'Conv2D' is ceil(H/2) high, but going back from a height of H with stride 3 needs ceil(H/3)",
        "width: 'Conv2D' is ceil(W/3) wide, but going back from a width of W with stride 2 needs ceil(W/2)",
        "strides 2 and 3 in 'conv2d_transpose'",
        "strides 3 and 2 in 'Conv2D'",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn channels_first_are_called_so() {
    let g = Graph::new();
    let x = g
        .placeholder_named::<f32>("x", shape![None, 2, None, None])
        .unwrap();
    let ones = |sizes: [usize; 4]| g.constant(Tensor::full(&sizes, 1.0f32).unwrap()).unwrap();
    let first = DataFormat::ChannelsFirst;
    let small = nn::conv2d(&x, ones([3, 3, 2, 2]))
        .strides(2)
        .padding(Same)
        .data_format(first);
    let small = small.build().unwrap();
    let s = small.shape().unwrap();
    let (h, w) = (
        (&s.at(2).unwrap() * 2).unwrap(),
        (&s.at(3).unwrap() * 2).unwrap(),
    );
    let back = nn::conv2d_transpose(
        &small,
        ones([2, 2, 6, 2]),
        sizes![s.at(0).unwrap(), 6, h, w],
    );
    let back = back
        .strides(2)
        .padding(Same)
        .data_format(first)
        .build()
        .unwrap();
    let both = array::concat(&[back, x], 1).unwrap();
    let text = g.diagnostics()[0].to_string();
    for part in [
        "height (axis 2): 'conv2d_transpose' has 2*ceil(H/2), 'x' has H",
        "H is x:0[2], W is x:0[3]",
        "'conv2d_transpose' cut to [N, 6, H, W] by slice",
        "'x' padded (pad) so that H and W are multiples of 2",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(requirements(&g, &both), ["H mod 2 == 0", "W mod 2 == 0"]);
}

/// A size that breaks a need, with which the op runs all the same, is not computed from what was proved.
#[test]
fn what_was_proved_is_not_used_where_it_does_not_hold() {
    let g = Graph::new();
    let x = g.placeholder_named::<f32>("x", shape!["H", 1]).unwrap();
    let inner = (&x * 1.0f32).unwrap();
    let h = inner.shape().unwrap().at(0).unwrap();
    // With H = 1 the size is -1: what is left over.
    let sizes = sizes![(&h - 2).unwrap(), 1];
    let slice = array::slice(&inner, [0, 0], sizes).unwrap();
    let difference = (&h - &slice.shape().unwrap().at(0).unwrap()).unwrap();
    let session = Session::new(&g);
    for (size, expected) in [(5, 2), (1, 0), (3, 2)] {
        let fed = Tensor::full(&[size, 1], 1.0f32).unwrap();
        let difference = session
            .run_with(&difference, feed![x => fed.clone()])
            .unwrap();
        assert_eq!(difference.to_i64_vec().unwrap(), [expected], "{size}");
    }
}
