//! Against files that NumPy wrote (see `testdata/npy/record_npy.py`), and damaged ones.

use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{Handle, bf16};

fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/npy")
        .join(name)
}

fn grid<T: Element + Copy>(values: [T; 6]) -> Tensor {
    Tensor::new(&[2, 3], values.to_vec()).unwrap()
}

/// What reading a file of these bytes gives.
fn read_bytes(bytes: &[u8]) -> Result<Tensor, TensorError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.npy");
    std::fs::write(&path, bytes).unwrap();
    read_npy(path)
}

fn with_header(header: &str, elements: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(elements);
    bytes
}

#[test]
fn reads_every_type_order_and_byte_order() {
    let row_major: Vec<f64> = (0..24).map(f64::from).collect();
    let cases = [
        ("half.npy", Tensor::from([f16::ONE])),
        (
            "f2.npy",
            grid([0.0, 1.0, 2.0, 3.0, 4.0, 100.0].map(f16::from_f32)),
        ),
        ("f4.npy", grid([0f32, 1.0, 2.0, 3.0, 4.0, 100.0])),
        ("f8.npy", grid([0f64, 1.0, 2.0, 3.0, 4.0, 100.0])),
        ("i4.npy", grid([0i32, 1, 2, 3, 4, 100])),
        ("i8.npy", grid([0i64, 1, 2, 3, 4, 100])),
        ("u1.npy", grid([0u8, 1, 2, 3, 4, 100])),
        ("bool.npy", grid([false, true, true, true, true, true])),
        ("big_endian_f4.npy", grid([0f32, 1.0, 2.0, 3.0, 4.0, 100.0])),
        ("big_endian_i8.npy", Tensor::from([1i64, -2, 1 << 40])),
        (
            "fortran_f8.npy",
            Tensor::new(&[2, 3, 4], row_major).unwrap(),
        ),
        ("scalar_f4.npy", Tensor::scalar(2.5f32)),
        (
            "empty_i4.npy",
            Tensor::zeros(DType::Int32, &[2, 0, 3]).unwrap(),
        ),
        ("version3_f4.npy", Tensor::from([1.5f32, -1.0])),
    ];
    for (name, expected) in cases {
        assert_eq!(read_npy(recorded(name)), Ok(expected), "{name}");
    }
}

#[test]
fn what_is_written_is_what_numpy_writes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.npy");
    let big_endian = [
        "big_endian_f4.npy",
        "big_endian_i8.npy",
        "fortran_f8.npy",
        "version3_f4.npy",
    ];
    for name in [
        "f2.npy",
        "f4.npy",
        "f8.npy",
        "i4.npy",
        "i8.npy",
        "u1.npy",
        "bool.npy",
        "scalar_f4.npy",
        "empty_i4.npy",
    ]
    .into_iter()
    .chain(big_endian)
    {
        let tensor = read_npy(recorded(name)).unwrap();
        write_npy(&path, &tensor).unwrap();
        assert_eq!(read_npy(&path), Ok(tensor), "{name}");
        if !big_endian.contains(&name) {
            // npyz puts a space after the last size; otherwise the files are the same to the byte.
            let (ours, numpys) = (
                std::fs::read(&path).unwrap(),
                std::fs::read(recorded(name)).unwrap(),
            );
            assert_eq!(ours[128..], numpys[128..], "{name}");
            assert_eq!(ours.len(), numpys.len(), "{name}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_failed_write_leaves_the_old_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.npy");
    write_npy(&path, &Tensor::scalar(1i32)).unwrap();
    let error = write_npy(&path, &Tensor::scalar(Handle("v".into())))
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("x.npy: tensors of resource cannot be written to a .npy file"),
        "{error}"
    );
    let error = write_npy(&path, &Tensor::scalar(bf16::ONE)).unwrap_err();
    let expected = "x.npy: tensors of bfloat16 cannot be written to a .npy file, \
                    because NumPy has no such type: cast them to float32";
    assert!(error.to_string().ends_with(expected), "{error}");
    assert_eq!(read_npy(&path), Ok(Tensor::scalar(1i32)));
    let nowhere = folder.path().join("none/x.npy");
    assert!(matches!(
        write_npy(nowhere, &Tensor::scalar(1i32)),
        Err(TensorError::File { .. })
    ));
}

#[test]
fn other_element_types_are_named() {
    for (name, found) in [
        ("complex.npy", "'<c16'"),
        ("text.npy", "'<U2'"),
        ("structured.npy", "[('a', '<f4'), ('b', '<i4'), ]"),
        ("object.npy", "'|O'"),
    ] {
        let error = read_npy(recorded(name)).unwrap_err().to_string();
        let expected = format!(
            "{name}: element type {found} is not one of float16, float32, float64, int32, int64, uint8, bool"
        );
        assert!(error.ends_with(&expected), "{error}");
    }
}

#[test]
fn damaged_files_are_errors_that_say_what_was_found() {
    let sound = std::fs::read(recorded("f4.npy")).unwrap();
    let overflow =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 3), }\n";
    let hexadecimal =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0xffffffffffffff, 3000), }\n";
    let nested = "(".repeat(9000);
    let long = " ".repeat(20_000);
    let cases: [(&[u8], &str); 8] = [
        (b"", "it starts with '', not with '\\x93NUMPY'"),
        (
            b"PK\x03\x04 a zip file",
            "it starts with 'PK\\x03\\x04 a z', not",
        ),
        (
            b"\x93NUMPY\x09\x00\x00\x00",
            "format version 9.0 is unknown",
        ),
        (
            &with_header(overflow, &[]),
            "the sizes are not numbers that can be multiplied",
        ),
        (
            &with_header(hexadecimal, &[]),
            "the sizes are not numbers that can be multiplied",
        ),
        (&with_header(&nested, &[]), "brackets are nested too deeply"),
        (
            &with_header(&long, &[]),
            "its header is 20000 bytes long, 10000 are allowed",
        ),
        (&with_header("{'descr': '<f4'}", &[]), "dict is missing key"),
    ];
    for (bytes, problem) in cases {
        let error = read_bytes(bytes).unwrap_err().to_string();
        assert!(
            error.contains("x.npy: not in NumPy's format: ") && error.contains(problem),
            "{error}"
        );
    }
    let mut longer = sound.clone();
    longer.extend(b"more");
    assert_eq!(read_bytes(&longer), read_npy(recorded("f4.npy")));
    assert!(matches!(
        read_npy(recorded("nothing.npy")),
        Err(TensorError::File { .. })
    ));
    assert!(matches!(
        read_npy(recorded(".")),
        Err(TensorError::File { .. })
    ));
}

#[test]
fn files_that_are_shorter_than_their_headers_say_are_told_apart() {
    let sound = std::fs::read(recorded("f4.npy")).unwrap();
    let huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }\n";
    let cases: [(&[u8], &str); 4] = [
        (&sound[..6], "it ends within the header, after 6 of 8 bytes"),
        (
            &sound[..50],
            "it ends within the header, after 50 of 128 bytes",
        ),
        (
            &sound[..sound.len() - 1],
            "shape [2, 3] of float32 takes 24 bytes, 23 follow the header",
        ),
        (
            &with_header(huge, &[0; 1000]),
            "shape [1000000, 1000000] of float32 takes 4000000000000 bytes, 1000 follow the header",
        ),
    ];
    for (bytes, problem) in cases {
        let error = read_bytes(bytes).unwrap_err().to_string();
        let expected = format!("x.npy: the file is cut short: {problem}");
        assert!(error.ends_with(&expected), "{error}");
    }
}

/// What reading a pipe gives into which these bytes are written.
#[cfg(target_os = "linux")]
fn read_pipe(bytes: Vec<u8>) -> Result<Tensor, TensorError> {
    use std::os::fd::AsRawFd;
    let (reader, mut writer) = io::pipe().unwrap();
    // The reader may stop at the header: an error of the writer is not what is looked at.
    let writing = std::thread::spawn(move || writer.write_all(&bytes).is_ok());
    let read = read_npy(format!("/proc/self/fd/{}", reader.as_raw_fd()));
    drop(reader);
    writing.join().unwrap();
    read
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_read_as_its_elements_arrive() {
    for name in ["f4.npy", "fortran_f8.npy", "scalar_f4.npy", "empty_i4.npy"] {
        let path = recorded(name);
        let read = read_pipe(std::fs::read(&path).unwrap());
        assert_eq!(read, read_npy(path), "{name}");
    }
    let large = Tensor::from((0..100_000i64).collect::<Vec<_>>());
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.npy");
    write_npy(&path, &large).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    assert_eq!(read_pipe(bytes.clone()), Ok(large));
    bytes.truncate(128 + 700_001);
    let error = read_pipe(bytes).unwrap_err().to_string();
    let expected = "the file is cut short: shape [100000] of int64 takes 800000 bytes, 700001 follow the header";
    assert!(error.ends_with(expected), "{error}");
    let huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000), }\n";
    let error = read_pipe(with_header(huge, &[0; 1000])).unwrap_err();
    assert!(matches!(error, TensorError::TooLarge { .. }), "{error}");
}

proptest! {
    #[test]
    fn no_change_of_bytes_makes_the_readers_panic(
        name in prop::sample::select(vec!["fortran_f8.npy", "bool.npy", "structured.npy"]),
        changes in prop::collection::vec((0usize..600, any::<u8>()), 1..4),
        cut in 0usize..600,
    ) {
        let mut bytes = std::fs::read(recorded(name)).unwrap();
        for (at, byte) in changes {
            if let Some(old) = bytes.get_mut(at) {
                *old = byte;
            }
        }
        if cut % 2 == 0 {
            bytes.truncate(cut);
        }
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, bytes).unwrap();
        // Either outcome is right; a tensor must be whole.
        if let Ok(tensor) = read_npy(&path) {
            prop_assert_eq!(tensor.len(), tensor.shape().iter().product::<usize>());
        }
    }
}
