//! What a session promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tconv::prelude::*;
use tconv::{Code, Owner, Reuse};

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.as_slice::<f32>().unwrap().to_vec()
}

/// A graph with a variable of one element, and a session in which it is 1.
fn counter() -> Result<(Graph, Variable, Session)> {
    let g = Graph::new();
    let v = g
        .variable("v", [1])
        .initializer(Initializer::Ones)
        .build()?;
    let session = Session::new(&g);
    session.run(&g.global_variables_initializer())?;
    Ok((g, v, session))
}

#[test]
fn graph_and_session_are_shared_by_threads() {
    fn check<T: Send + Sync>() {}
    check::<Graph>();
    check::<Session>();
    check::<Output>();
}

#[test]
fn a_read_sees_the_value_from_before_the_run() -> Result<()> {
    let (_, v, session) = counter()?;
    let read = (&v + 0.0)?;
    let update = v.assign((&v * 10.0)?)?;
    for expected in [1.0, 10.0, 100.0] {
        // Whatever the order of the fetches.
        let before = if expected == 10.0 {
            session.run((&read, &update))?.0
        } else {
            session.run((&update, &read))?.1
        };
        assert_eq!(numbers(&before), [expected]);
    }
    assert_eq!(numbers(&session.run(&v)?), [1000.0]);
    Ok(())
}

#[test]
fn a_control_dependency_orders_a_read_after_an_update() -> Result<()> {
    let (g, v, session) = counter()?;
    let update = v.assign(Tensor::from([5.0f32]))?;
    let after = g.control_dependencies(&[&update], || &v + 0.0)?;
    let before = (&v + 0.0)?;
    let (before, after) = session.run((&before, &after))?;
    assert_eq!((numbers(&before), numbers(&after)), (vec![1.0], vec![5.0]));

    // A read between two updates: only the one that it depends on shows.
    let other = v.assign(Tensor::from([7.0f32]))?;
    let first = v.assign(Tensor::from([6.0f32]))?;
    let between = g.control_dependencies(&[&first], || &v + 0.0)?;
    for _ in 0..2 {
        assert_eq!(numbers(&session.run((&other, &between))?.1), [6.0]);
    }
    Ok(())
}

#[test]
fn reads_and_updates_in_a_circle_still_see_what_was_before() -> Result<()> {
    let g = Graph::new();
    let a = g
        .variable("a", [1])
        .initializer(Initializer::Ones)
        .build()?;
    let b = g
        .variable("b", [1])
        .initializer(Initializer::Ones)
        .build()?;
    let session = Session::new(&g);
    session.run(&g.global_variables_initializer())?;
    let (set_a, set_b) = (
        a.assign(Tensor::from([2.0f32]))?,
        b.assign(Tensor::from([2.0f32]))?,
    );
    let read_a = g.control_dependencies(&[&set_b], || &a + 0.0)?;
    let read_b = g.control_dependencies(&[&set_a], || &b + 0.0)?;
    let (read_a, read_b) = session.run((&read_a, &read_b))?;
    assert_eq!((numbers(&read_a), numbers(&read_b)), (vec![1.0], vec![1.0]));
    Ok(())
}

#[test]
fn a_fetched_value_is_a_snapshot() -> Result<()> {
    let (_, v, session) = counter()?;
    let kept = session.run(&v)?;
    let loss = (&v * 1.0)?;
    let step = GradientDescentOptimizer::new(0.5).minimize(&loss)?;
    session.run(&step)?;
    assert_eq!(numbers(&kept), [1.0]);
    assert_eq!(numbers(&session.run(&v)?), [0.5]);
    Ok(())
}

#[test]
fn any_tensor_can_be_fed() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None])?;
    let twice = (&x * 2.0)?;
    let y = (&twice + 1.0)?;
    let session = Session::new(&g);
    // The placeholder is not needed then.
    assert_eq!(
        numbers(&session.run_with(&y, feed![twice => [3.0f32]])?),
        [4.0]
    );
    assert_eq!(numbers(&session.run_with(&y, feed![x => [3.0f32]])?), [7.0]);
    // A constant too, though it was folded in the plan before.
    let c = g.constant([1.0f32, 2.0])?;
    let sum = (&c + &c)?;
    assert_eq!(numbers(&session.run(&sum)?), [2.0, 4.0]);
    assert_eq!(
        numbers(&session.run_with(&sum, feed![c => [5.0f32, 6.0]])?),
        [10.0, 12.0]
    );
    assert_eq!(
        numbers(&session.run_with(&c, feed![c => [5.0f32, 6.0]])?),
        [5.0, 6.0]
    );
    Ok(())
}

#[test]
fn a_wrong_feed_is_refused_and_the_session_goes_on() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder_named::<f32>("x", [None, Some(3)])?;
    let y = (&x + 1.0)?;
    let session = Session::new(&g);
    let wrong = session
        .run_with(&y, feed![x => Tensor::full(&[2, 4], 0.0f32)?])
        .unwrap_err();
    assert_eq!(
        wrong.message(),
        "Cannot feed value of shape (2, 4) for Tensor x:0, which has shape (None, 3)"
    );
    assert_eq!(wrong.help_lines(), ["axis 1 is 4, it must be 3"]);
    let wrong = session.run_with(&y, feed![x => [0.0f32; 3]]).unwrap_err();
    assert_eq!(wrong.help_lines(), ["it has 1 axes, 2 are wanted"]);
    let wrong = session
        .run_with(&y, feed![x => Tensor::full(&[2, 3], 0i32)?])
        .unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    let unfed = session.run(&y).unwrap_err();
    assert_eq!(
        unfed.message(),
        "You must feed a value for placeholder tensor 'x' with dtype float and shape [?,3]"
    );
    let other = Graph::new();
    let foreign = other.constant(1.0f32)?;
    assert!(session.run(&foreign).is_err());
    assert!(session.run_with(&y, feed![foreign => 1.0f32]).is_err());
    assert_eq!(
        session
            .run_with(&y, feed![x => Tensor::full(&[2, 3], 0.0f32)?])?
            .shape(),
        [2, 3]
    );
    Ok(())
}

#[test]
fn an_unfed_placeholder_stops_a_run_before_anything_changes() -> Result<()> {
    let (g, v, session) = counter()?;
    let update = v.assign((&v + 1.0)?)?;
    let x = g.placeholder::<f32>([None])?;
    assert!(session.run((&update, &x)).is_err());
    assert_eq!(numbers(&session.run(&v)?), [1.0]);
    Ok(())
}

#[test]
fn nodes_that_are_added_later_run() -> Result<()> {
    let g = Graph::new();
    let x = g.constant(2.0f32)?;
    let session = Session::new(&g);
    assert_eq!(numbers(&session.run(&x)?), [2.0]);
    let y = (&x * &x)?;
    assert_eq!(numbers(&session.run(&y)?), [4.0]);
    Ok(())
}

#[test]
fn a_random_stream_goes_on_in_a_session_and_starts_again_in_another() -> Result<()> {
    let g = Graph::new();
    g.set_random_seed(1);
    let x = random::normal(&g, [9]).build()?;
    let other = random::normal(&g, [9]).build()?;
    let session = Session::new(&g);
    let first = session.run(&x)?;
    session.run(&other)?;
    let second = session.run(&x)?;
    // TensorFlow 2.21: the first run and the start of the second.
    for (made, recorded) in numbers(&first)
        .iter()
        .zip([0.3052047f32, 0.5671378, 0.41852272])
    {
        assert!((made - recorded).abs() <= 2.0 * f32::EPSILON * recorded.abs());
    }
    for (made, recorded) in numbers(&second).iter().zip([-0.12475611f32, 0.03097412]) {
        assert!((made - recorded).abs() <= 2.0 * f32::EPSILON * recorded.abs());
    }
    assert_eq!(Session::new(&g).run(&x)?, first);
    Ok(())
}

/// Elements that a session may only read during a run.
struct Lent(Vec<f32>);

impl Owner<f32> for Lent {
    fn elements(&self) -> &[f32] {
        &self.0
    }
}

#[test]
fn a_borrowed_tensor_does_not_outlive_its_run() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([2, 2])?;
    let v = g.variable("v", [2, 2]).build()?;
    let (kept, flat) = (v.assign(&x)?, array::reshape(&x, [4])?);
    let (twice, relu) = ((&x * 2.0)?, nn::relu(&x)?);
    let lent = Arc::new(Lent(vec![1.0, -2.0, 3.0, 4.0]));
    let borrowed = || Tensor::from_owner(&[2, 2], lent.clone());
    let constant = g.constant(borrowed()?)?;
    assert_eq!(Arc::strong_count(&lent), 1);
    let session = Session::new(&g);
    let fetches = [&x, &flat, &twice, &relu, &constant];
    let values = session
        .run_with((fetches, &kept), feed![x => borrowed()?])?
        .0;
    // The fetched values and the variable's are the session's own, and were not computed in what is lent.
    assert_eq!(Arc::strong_count(&lent), 1);
    assert_eq!(lent.0, [1.0, -2.0, 3.0, 4.0]);
    drop(lent);
    let numbers = values.each_ref().map(numbers);
    assert_eq!(numbers[0], [1.0, -2.0, 3.0, 4.0]);
    assert_eq!(numbers[1], numbers[0]);
    assert_eq!(numbers[2], [2.0, -4.0, 6.0, 8.0]);
    assert_eq!(numbers[3], [1.0, 0.0, 3.0, 4.0]);
    assert_eq!(numbers[4], numbers[0]);
    assert_eq!(session.run(&v)?, values[0]);
    Ok(())
}

#[test]
fn unseeded_numbers_are_random() -> Result<()> {
    let g = Graph::new();
    let x = random::uniform(&g, [4]).build()?;
    assert_ne!(Session::new(&g).run(&x)?, Session::new(&g).run(&x)?);
    Ok(())
}

#[test]
fn updates_of_many_threads_are_neither_lost_nor_torn() -> Result<()> {
    const SIZE: usize = 10_000;
    let g = Graph::new();
    let v = g
        .variable("v", [SIZE as i64])
        .initializer(Initializer::Zeros)
        .build()?;
    let loss = (&v * -1.0)?;
    let step = GradientDescentOptimizer::new(1.0).minimize(&loss)?;
    let session = Session::with_threads(&g, 1)?;
    session.run(&g.global_variables_initializer())?;
    let whole = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    session.run(&step).unwrap();
                    let seen = numbers(&session.run(&v).unwrap());
                    if seen.iter().any(|&x| x != seen[0]) {
                        whole.store(false, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(whole.load(Ordering::Relaxed));
    assert_eq!(numbers(&session.run(&v)?), vec![200.0; SIZE]);
    Ok(())
}

#[test]
fn a_deep_graph_neither_overflows_nor_crawls() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([1])?;
    let mut y = x.clone();
    for _ in 0..20_000 {
        y = (&y + &x)?;
    }
    let session = Session::new(&g);
    assert_eq!(
        numbers(&session.run_with(&y, feed![x => [1.0f32]])?),
        [20_001.0]
    );
    let gradient = gradients(&[&y], &[&x])?.remove(0).unwrap();
    assert_eq!(
        numbers(&session.run_with(&gradient, feed![x => [1.0f32]])?),
        [20_001.0]
    );
    Ok(())
}

#[test]
fn fetches_keep_their_structure() -> Result<()> {
    let g = Graph::new();
    let (a, b) = (g.constant(1.0f32)?, g.constant(2i32)?);
    let nothing = g.group(&[a.op()])?;
    let session = Session::new(&g);
    let (first, (), list) = session.run((&a, &nothing, vec![&b, &b]))?;
    assert_eq!(first.item::<f32>()?, 1.0);
    assert_eq!(list.len(), 2);
    assert_eq!(list[1].item::<i32>()?, 2);
    let [x, y] = session.run([&a, &a])?;
    assert_eq!(x, y);
    Ok(())
}

#[test]
fn scopes_say_which_variable_is_meant() -> Result<()> {
    let g = Graph::new();
    let get = || g.get_variable("w", [2, 2]);
    let first = g.variable_scope("layer", get)?;
    let again = g.variable_scope_reuse("layer", Reuse::Yes, get)?;
    assert_eq!((first.name(), &first), ("layer/w", &again));
    let outside = g.name_scope("layer", get)?;
    assert_eq!(outside.name(), "w");
    let twice = get().unwrap_err();
    assert!(
        twice.message().starts_with("Variable w already exists"),
        "{twice}"
    );
    assert!(g.variable_scope_reuse("other", Reuse::Yes, get).is_err());
    let wrong = g
        .variable_scope_reuse("layer", Reuse::Auto, || g.get_variable("w", [2, 3]))
        .unwrap_err();
    assert_eq!(
        wrong.message(),
        "Trying to share variable layer/w, but specified shape (2, 3) and found shape (2, 2)."
    );
    assert_eq!(g.trainable_variables().len(), 2);
    Ok(())
}

#[test]
fn the_inner_scope_says_whether_variables_are_reused() -> Result<()> {
    let g = Graph::new();
    let nested = |outer, inner, name: &str| {
        g.variable_scope_reuse("s", outer, || {
            g.variable_scope_reuse("n", inner, || g.get_variable(name, [1]))
        })
    };
    // As TensorFlow answers.
    let missing = nested(Reuse::Auto, Reuse::Yes, "a").unwrap_err();
    assert!(
        missing
            .message()
            .starts_with("Variable s/n/a does not exist"),
        "{missing}"
    );
    assert!(nested(Reuse::Yes, Reuse::Auto, "a").is_ok());
    assert!(nested(Reuse::Yes, Reuse::No, "b").is_err(), "inherited");
    Ok(())
}

#[test]
fn without_elements_nothing_is_concluded_of_a_size() -> Result<()> {
    let g = Graph::new();
    let given = g.placeholder::<f32>([None])?;
    let n = given.shape()?.at(0)?;
    let empty = g.placeholder::<f32>([2, 0])?;
    let reshaped = array::reshape(&empty, sizes![0, &n])?;
    assert_eq!(reshaped.static_shape().to_string(), "(0, None)");
    let product = math::matmul(&reshaped, Tensor::full(&[3, 4], 1.0f32)?)?;
    let feed = feed![given => [0.0f32; 3], empty => Tensor::full(&[2, 0], 0.0f32)?];
    assert_eq!(Session::new(&g).run_with(&product, feed)?.shape(), [0, 4]);
    Ok(())
}

#[test]
fn a_fed_tensor_counts_and_not_what_was_inferred_of_it() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None])?;
    let y = nn::relu(&x)?;
    let difference = (&x.shape()? - &y.shape()?)?;
    let session = Session::new(&g);
    let run = |feed| {
        session
            .run_with(&difference, feed)
            .map(|d| d.to_i64_vec().unwrap())
    };
    assert_eq!(run(feed![x => [1.0f32, 2.0]])?, [0]);
    assert_eq!(run(feed![x => [1.0f32, 2.0], y => [0.0f32; 3]])?, [-1]);
    // The operation of a tensor that is fed has nothing to do.
    session.run_with(x.op(), feed![x => [1.0f32]])?;
    Ok(())
}

#[test]
fn a_handle_is_of_its_own_variable() -> Result<()> {
    let (g, v, session) = counter()?;
    let u = g.variable("u", [3, 3]).build()?;
    session.run(u.initializer())?;
    let handle = session.run(u.handle())?;
    assert!(session.run_with(&v, feed![v.handle() => handle]).is_err());
    // A second handle of the same name says otherwise.
    let other = g
        .add("VarHandleOp")
        .attr("shared_name", "v")
        .attr("dtype", DType::Int32)
        .attr("shape", Shape::from([3]));
    let other = other.output()?;
    let read = g
        .add("ReadVariableOp")
        .input(&other)
        .attr("dtype", DType::Int32)
        .output()?;
    assert!(session.run(&read).is_err());
    let value = g.constant([1i32, 2, 3])?;
    let assign = g
        .add("AssignVariableOp")
        .input(&other)
        .input(&value)
        .attr("dtype", DType::Int32)
        .build()?;
    assert!(session.run(&assign).is_err());
    assert_eq!(numbers(&session.run(&v)?), [1.0]);
    Ok(())
}
