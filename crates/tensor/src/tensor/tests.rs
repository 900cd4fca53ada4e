use super::*;

#[test]
fn storage_is_shared_until_written() {
    let first = Tensor::new(&[2, 2], vec![1f32, 2.0, 3.0, 4.0]).unwrap();
    let start = first.as_slice::<f32>().unwrap().as_ptr();
    let mut second = first.clone().reshape(&[4]).unwrap();
    assert_eq!(second.as_slice::<f32>().unwrap().as_ptr(), start);
    assert!(!first.is_unique());

    second.make_mut::<f32>().unwrap()[0] = 9.0;
    assert_eq!(first.as_slice::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(second.as_slice::<f32>().unwrap(), [9.0, 2.0, 3.0, 4.0]);
    assert!(first.is_unique() && second.is_unique());

    let data = first.into_vec::<f32>().unwrap();
    assert_eq!(data.as_ptr(), start);
}

#[test]
fn a_unique_tensor_is_written_in_place() {
    let mut tensor = Tensor::new(&[3], vec![1i32, 2, 3]).unwrap();
    let start = tensor.as_slice::<i32>().unwrap().as_ptr();
    tensor.make_mut::<i32>().unwrap()[2] = 7;
    assert_eq!(tensor.as_slice::<i32>().unwrap().as_ptr(), start);
    assert_eq!(tensor.to_i64_vec().unwrap(), [1, 2, 7]);
}

#[test]
fn a_mark_knows_unchanged_elements_and_holds_nobody_up() {
    let mut tensor = Tensor::new(&[3], vec![1f32, 2.0, 3.0]).unwrap();
    let mark = tensor.mark().unwrap();
    let start = tensor.as_slice::<f32>().unwrap().as_ptr();
    assert!(tensor.clone().reshape(&[3, 1]).unwrap().is_marked(&mark));
    assert!(
        !Tensor::new(&[3], vec![1f32, 2.0, 3.0])
            .unwrap()
            .is_marked(&mark)
    );
    assert!(tensor.is_unique() && !mark.is_gone());
    // Written in place, they are others.
    tensor.make_mut::<f32>().unwrap()[0] = 9.0;
    assert_eq!(tensor.as_slice::<f32>().unwrap().as_ptr(), start);
    assert!(!tensor.is_marked(&mark) && mark.is_gone());
    let mark = tensor.mark().unwrap();
    let data = tensor.into_vec::<f32>().unwrap();
    assert_eq!(data.as_ptr(), start);
    assert!(mark.is_gone());
}

/// Elements that a tensor may read and never write.
struct Lent(Vec<f32>);

impl Owner<f32> for Lent {
    fn elements(&self) -> &[f32] {
        &self.0
    }
}

#[test]
fn a_borrowed_tensor_is_read_in_place_and_copied_to_be_written() {
    let lent = Arc::new(Lent(vec![1.0, 2.0, 3.0, 4.0]));
    let start = lent.0.as_ptr();
    let tensor = Tensor::from_owner(&[2, 2], lent.clone()).unwrap();
    assert_eq!(tensor.as_slice::<f32>().unwrap().as_ptr(), start);
    assert!(tensor.is_borrowed() && !tensor.is_unique());
    assert!(tensor.mark().is_none());
    assert_eq!(
        tensor,
        Tensor::new(&[2, 2], vec![1f32, 2.0, 3.0, 4.0]).unwrap()
    );
    assert_eq!(tensor.to_string(), "[[1. 2.]\n [3. 4.]]");

    let mut written = tensor.clone().reshape(&[4]).unwrap();
    assert!(written.is_borrowed());
    assert!(written.make_mut::<i32>().is_err());
    written.make_mut::<f32>().unwrap()[0] = 9.0;
    assert!(!written.is_borrowed() && written.is_unique());
    assert_eq!(tensor.clone().into_vec::<f32>().unwrap(), lent.0);

    let owned = tensor.clone().into_owned().unwrap();
    assert!(!owned.is_borrowed() && owned == tensor);
    let own = owned.as_slice::<f32>().unwrap().as_ptr();
    assert_ne!(own, start);
    // What owns its elements already is handed through.
    let kept = owned.clone();
    let owned = owned.into_owned().unwrap();
    assert_eq!(owned.as_slice::<f32>().unwrap().as_ptr(), own);
    drop(kept);

    assert_eq!(Arc::strong_count(&lent), 2);
    drop(tensor);
    assert_eq!(Arc::strong_count(&lent), 1);
    assert_eq!(
        Tensor::from_owner(&[3], lent).unwrap_err().to_string(),
        "shape [3] does not hold 4 elements"
    );
}

#[test]
fn wrong_types_name_both() {
    let tensor = Tensor::scalar(1i64);
    assert_eq!(
        tensor.as_slice::<f32>().unwrap_err().to_string(),
        "expected a tensor of float32, found one of int64"
    );
    assert_eq!(tensor.item::<i64>(), Ok(1));
    assert!(tensor.clone().make_mut::<bool>().is_err());
    assert!(tensor.into_vec::<u8>().is_err());
    assert!(Tensor::scalar(1u8).to_i64_vec().is_err());
}

#[test]
fn lengths_are_checked() {
    let short = Tensor::new(&[2, 3], vec![0u8; 5]).unwrap_err();
    assert_eq!(short.to_string(), "shape [2, 3] does not hold 5 elements");
    let tensor = Tensor::zeros(DType::Bool, &[2, 0, 3]).unwrap();
    assert!(tensor.is_empty() && tensor.rank() == 3);
    assert_eq!(tensor.clone().reshape(&[0]).unwrap().shape(), [0]);
    assert!(tensor.clone().reshape(&[]).is_err());
    assert!(tensor.item::<bool>().is_err());
    assert!(Tensor::new(&[usize::MAX, 2], Vec::<u8>::new()).is_err());
}

#[test]
fn impossible_sizes_are_errors_with_tensorflow_words() {
    let overflow = checked_len(DType::Float32, &[1 << 40, 1 << 40]).unwrap_err();
    assert_eq!(
        overflow.to_string(),
        "OOM when allocating tensor with shape[1099511627776,1099511627776] and type float: \
         more than the 8589934592 GiB that can be addressed"
    );
    assert!(checked_len(DType::Float64, &[1 << 40, 0, 1 << 40]).is_err());
    assert_eq!(checked_len(DType::Float64, &[3, 0, 1 << 40]), Ok(0));
    // 2^62 bytes can be addressed and are in no machine.
    if available_memory().is_some() {
        let error = Tensor::zeros(DType::Float64, &[1 << 59])
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(
                "OOM when allocating tensor with shape[576460752303423488] and type double: \
                 4294967296.00 GiB are needed, "
            ),
            "{error}"
        );
        assert!(error.ends_with(" GiB are available"), "{error}");
    }
}

/// Under a limit on the process's own memory, of which `MemAvailable` knows nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_refused_allocation_is_an_error() {
    const LIMITED: &str = "TCONV_TEST_LIMITED";
    if std::env::var_os(LIMITED).is_some() {
        let half = [300 << 20];
        let error = Tensor::zeros(DType::Uint8, &[700 << 20]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "OOM when allocating tensor with shape[734003200] and type uint8: 0.68 GiB are needed"
        );
        assert!(Tensor::full(&[700 << 20], 1u8).is_err());
        let kept = Tensor::zeros(DType::Uint8, &half).unwrap();
        let mut shared = kept.clone();
        assert!(matches!(
            shared.make_mut::<u8>(),
            Err(TensorError::TooLarge { .. })
        ));
        assert!(shared.into_vec::<u8>().is_err());
        assert!(kept.into_vec::<u8>().is_ok());
        return;
    }
    let output = std::process::Command::new("sh")
        .args([
            "-c",
            "ulimit -v 600000 && exec \"$0\" --exact --test-threads=1 \"$1\"",
        ])
        .arg(std::env::current_exe().unwrap())
        .arg("tensor::tests::a_refused_allocation_is_an_error")
        .env(LIMITED, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{text}", output.status);
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn equality_is_of_type_shape_and_elements() {
    assert_eq!(Tensor::scalar(1i32), Tensor::scalar(1i32));
    assert_ne!(Tensor::scalar(1i32), Tensor::scalar(1i64));
    assert_ne!(
        Tensor::zeros(DType::Int32, &[2, 3]),
        Tensor::zeros(DType::Int32, &[3, 2])
    );
    assert_ne!(Tensor::scalar(f32::NAN), Tensor::scalar(f32::NAN));
}

#[test]
fn debug_is_short() {
    let tensor = Tensor::zeros(DType::Float32, &[1, 3, 3, 1]).unwrap();
    assert_eq!(
        format!("{tensor:?}"),
        "Tensor(float32, [1, 3, 3, 1]) [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, ...]"
    );
    assert_eq!(
        format!("{:?}", Tensor::scalar(true)),
        "Tensor(bool, []) [true]"
    );
}
