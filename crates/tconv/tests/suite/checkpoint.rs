//! Files of variables' values.

use std::collections::BTreeMap;
use std::path::Path;

use tconv::prelude::*;
use tconv::{Code, Handle, bf16, checkpoint, f16};

/// The bytes of a file as the format's description has them: a length, a header, the elements.
fn file(header: &str, elements: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(elements);
    bytes
}

fn every_dtype() -> BTreeMap<String, Tensor> {
    let halves = [1.0f32, -0.5, 65504.0];
    let values: [(&str, Tensor); 9] = [
        ("f16", halves.map(f16::from_f32).into()),
        ("bf16", halves.map(bf16::from_f32).into()),
        ("f32", [0.1f32, -0.0, f32::INFINITY].into()),
        (
            "f64",
            Tensor::new(&[2, 1], vec![0.1f64, f64::MIN_POSITIVE]).unwrap(),
        ),
        ("i32", [i32::MIN, 7].into()),
        ("i64", Tensor::scalar(i64::MAX)),
        ("u8", [0u8, 255].into()),
        ("bool", [true, false, true].into()),
        ("empty", Tensor::zeros(DType::Float32, &[2, 0, 3]).unwrap()),
    ];
    values.map(|(name, value)| (name.to_string(), value)).into()
}

#[test]
fn every_dtype_comes_back_and_is_written_alike() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a"), folder.path().join("b"));
    checkpoint::save(&first, &every_dtype())?;
    let read = checkpoint::load(&first)?;
    assert_eq!(read, every_dtype());
    checkpoint::save(&second, &read)?;
    let [first, second] = [&first, &second].map(|path| std::fs::read(path).unwrap());
    assert_eq!(first, second);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    Ok(())
}

#[test]
fn the_bytes_are_the_formats() -> Result<()> {
    let header = r#"{"b":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"c":{"dtype":"BOOL","shape":[],"data_offsets":[4,5]}}"#;
    let values = BTreeMap::from([
        (
            "b".to_string(),
            Tensor::from([1.0, -2.0].map(bf16::from_f32)),
        ),
        ("c".to_string(), Tensor::scalar(true)),
    ]);
    let bytes = file(header, &[0x80, 0x3f, 0x00, 0xc0, 1]);
    assert_eq!(checkpoint::from_bytes(&bytes)?, values);
    let written = checkpoint::to_bytes(&values, BTreeMap::new())?;
    assert!(written.ends_with(&[0x80, 0x3f, 0x00, 0xc0, 1]));
    // What another program wrote, metadata and all.
    let recorded = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/half.safetensors"
    );
    let recorded = checkpoint::load(recorded)?;
    let dtypes = |dtype| recorded.values().any(|tensor| tensor.dtype() == dtype);
    assert!(
        DType::ALL
            .into_iter()
            .all(|dtype| dtypes(dtype) != (dtype == DType::Resource))
    );
    let bytes = checkpoint::to_bytes(&recorded, BTreeMap::new())?;
    // Some of them are NaN.
    let text = |all: &BTreeMap<String, Tensor>| format!("{all:?}");
    assert_eq!(text(&checkpoint::from_bytes(&bytes)?), text(&recorded));
    Ok(())
}

#[test]
fn a_damaged_file_is_an_error_that_names_it() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = checkpoint::load(&path).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        let named = format!("{}: ", path.display());
        error.message().strip_prefix(&named).unwrap().to_string()
    };
    checkpoint::save(&path, &every_dtype())?;
    let bytes = std::fs::read(&path).unwrap();
    for end in 0..bytes.len() {
        refused(&bytes[..end]);
    }
    let entry = |dtype: &str, shape: &str, end: u64| {
        let header =
            format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{end}]}}}}"#);
        file(&header, &[0; 8])
    };
    // Sizes that the file does not have are refused before room is made for them.
    refused(&entry(
        "F32",
        "[1000000,1000000,1000000]",
        4_000_000_000_000_000_000,
    ));
    refused(&entry("F32", "[1000000000000]", 4_000_000_000_000));
    refused(&entry("F32", "[3]", 8));
    let unknown = refused(&entry("I16", "[4]", 8));
    assert_eq!(unknown, "tensor 'w' has elements of type I16");
    Ok(())
}

#[test]
fn what_cannot_be_read_or_written_is_an_error_that_names_the_file() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let check = |error: Error, code: Code, path: &Path, text: &str| {
        assert_eq!(error.code(), code, "{error}");
        let message = error.message();
        assert!(
            message.starts_with(&path.display().to_string()),
            "{message}"
        );
        assert!(message.contains(text), "{message}");
    };
    let missing = folder.path().join("none/a");
    check(
        checkpoint::load(&missing).unwrap_err(),
        Code::NotFound,
        &missing,
        "",
    );
    let error = checkpoint::save(&missing, &every_dtype()).unwrap_err();
    check(
        error,
        Code::NotFound,
        &missing,
        "no file can be made in folder",
    );
    let error = checkpoint::load(folder.path()).unwrap_err();
    check(
        error,
        Code::FailedPrecondition,
        folder.path(),
        "no regular file",
    );
    let path = folder.path().join("a");
    checkpoint::save(&path, &every_dtype())?;
    for (name, value) in [
        ("v", Tensor::scalar(Handle("v".into()))),
        ("__metadata__", Tensor::scalar(1.0f32)),
    ] {
        let values = BTreeMap::from([(name.to_string(), value)]);
        let error = checkpoint::save(&path, &values).unwrap_err();
        check(error, Code::InvalidArgument, &path, "");
    }
    assert_eq!(checkpoint::load(&path)?, every_dtype());
    Ok(())
}
