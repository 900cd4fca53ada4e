//! The element types, and how each is kept in a tensor's storage.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use half::{bf16, f16};

use crate::TensorError;

/// The element type of a tensor; the subset of TensorFlow's `DataType` that is computed with here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// 16-bit IEEE floating point, `DT_HALF`.
    Float16,
    /// The upper half of a `Float32`, `DT_BFLOAT16`.
    Bfloat16,
    /// 32-bit IEEE floating point, `DT_FLOAT`.
    Float32,
    /// 64-bit IEEE floating point, `DT_DOUBLE`.
    Float64,
    /// Signed 32-bit integer, `DT_INT32`.
    Int32,
    /// Signed 64-bit integer, `DT_INT64`.
    Int64,
    /// Unsigned 8-bit integer, `DT_UINT8`.
    Uint8,
    /// True or false, one byte each, `DT_BOOL`.
    Bool,
    /// A reference to a variable by its shared name, `DT_RESOURCE`.
    Resource,
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 9] = [
        DType::Float16,
        DType::Bfloat16,
        DType::Float32,
        DType::Float64,
        DType::Int32,
        DType::Int64,
        DType::Uint8,
        DType::Bool,
        DType::Resource,
    ];

    /// The bytes that one element takes; a resource counts as a pointer.
    pub fn size(self) -> usize {
        match self {
            DType::Float16 | DType::Bfloat16 => 2,
            DType::Float32 | DType::Int32 => 4,
            DType::Float64 | DType::Int64 => 8,
            DType::Uint8 | DType::Bool => 1,
            DType::Resource => size_of::<usize>(),
        }
    }

    /// Whether this is `Float16`, `Bfloat16`, `Float32` or `Float64` (TensorFlow's `DType.is_floating`).
    pub fn is_floating(self) -> bool {
        self.is_half() || matches!(self, DType::Float32 | DType::Float64)
    }

    /// Whether this is `Float16` or `Bfloat16`: kept in 16 bits, computed with in 32.
    pub fn is_half(self) -> bool {
        matches!(self, DType::Float16 | DType::Bfloat16)
    }

    /// Whether this is `Int32`, `Int64` or `Uint8` (TensorFlow's `DType.is_integer`, where booleans are not integers).
    pub fn is_integer(self) -> bool {
        matches!(self, DType::Int32 | DType::Int64 | DType::Uint8)
    }

    /// TensorFlow's Python name: `float32`, `int64`, `bool`, `resource`, ...; what [`fmt::Display`] writes.
    pub fn name(self) -> &'static str {
        match self {
            DType::Float16 => "float16",
            DType::Bfloat16 => "bfloat16",
            DType::Float32 => "float32",
            DType::Float64 => "float64",
            DType::Int32 => "int32",
            DType::Int64 => "int64",
            DType::Uint8 => "uint8",
            DType::Bool => "bool",
            DType::Resource => "resource",
        }
    }

    /// The word of TensorFlow's C++ messages (`DataTypeString`): `half`, `float` and `double`, otherwise as [`DType::name`].
    pub fn c_name(self) -> &'static str {
        match self {
            DType::Float16 => "half",
            DType::Float32 => "float",
            DType::Float64 => "double",
            other => other.name(),
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DType {
    type Err = TensorError;

    /// Reads TensorFlow's Python name, as [`DType::name`] gives it.
    ///
    /// # Errors
    /// [`TensorError::UnknownDType`] for any other text.
    fn from_str(name: &str) -> Result<DType, TensorError> {
        DType::ALL
            .into_iter()
            .find(|dtype| dtype.name() == name)
            .ok_or_else(|| TensorError::UnknownDType(name.to_owned()))
    }
}

/// The element of a resource tensor: the shared name of the variable that it refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(
    /// The shared name, unique within a session.
    pub Arc<str>,
);

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Resource {}>", self.0)
    }
}

/// A Rust type that a tensor can hold: `f16`, `bf16`, `f32`, `f64`, `i32`, `i64`, `u8`, `bool` and
/// [`Handle`]. Sealed.
pub trait Element:
    storage::Stored + Clone + Send + Sync + Default + PartialEq + fmt::Debug + 'static
{
    /// The element type of a tensor of these.
    const DTYPE: DType;
}

pub(crate) mod storage {
    use super::{DType, Element, Handle, bf16, f16};
    use crate::owner::Elements;

    /// The elements of a tensor, in row-major order, shared between its clones.
    #[derive(Clone, PartialEq)]
    pub enum Storage {
        Float16(Elements<f16>),
        Bfloat16(Elements<bf16>),
        Float32(Elements<f32>),
        Float64(Elements<f64>),
        Int32(Elements<i32>),
        Int64(Elements<i64>),
        Uint8(Elements<u8>),
        Bool(Elements<bool>),
        Resource(Elements<Handle>),
    }

    /// How a Rust type goes into and comes out of [`Storage`]; `None` means that it holds another type.
    pub trait Stored: Sized {
        fn store(data: Elements<Self>) -> Storage;
        fn get(storage: &Storage) -> Option<&Elements<Self>>;
        fn get_mut(storage: &mut Storage) -> Option<&mut Elements<Self>>;
        fn take(storage: Storage) -> Option<Elements<Self>>;
    }

    /// Runs `$body` with `$data` bound to the `Elements<T>` inside a storage, whatever its type.
    macro_rules! for_each_type {
        ($storage:expr, $data:ident => $body:expr) => {
            match $storage {
                $crate::dtype::storage::Storage::Float16($data) => $body,
                $crate::dtype::storage::Storage::Bfloat16($data) => $body,
                $crate::dtype::storage::Storage::Float32($data) => $body,
                $crate::dtype::storage::Storage::Float64($data) => $body,
                $crate::dtype::storage::Storage::Int32($data) => $body,
                $crate::dtype::storage::Storage::Int64($data) => $body,
                $crate::dtype::storage::Storage::Uint8($data) => $body,
                $crate::dtype::storage::Storage::Bool($data) => $body,
                $crate::dtype::storage::Storage::Resource($data) => $body,
            }
        };
    }
    pub(crate) use for_each_type;

    macro_rules! stored {
        ($($rust:ty => $variant:ident),*) => {$(
            impl Stored for $rust {
                fn store(data: Elements<Self>) -> Storage {
                    Storage::$variant(data)
                }
                fn get(storage: &Storage) -> Option<&Elements<Self>> {
                    match storage {
                        Storage::$variant(data) => Some(data),
                        _ => None,
                    }
                }
                fn get_mut(storage: &mut Storage) -> Option<&mut Elements<Self>> {
                    match storage {
                        Storage::$variant(data) => Some(data),
                        _ => None,
                    }
                }
                fn take(storage: Storage) -> Option<Elements<Self>> {
                    match storage {
                        Storage::$variant(data) => Some(data),
                        _ => None,
                    }
                }
            }

            impl Element for $rust {
                const DTYPE: DType = DType::$variant;
            }
        )*};
    }
    stored!(
        f16 => Float16,
        bf16 => Bfloat16,
        f32 => Float32,
        f64 => Float64,
        i32 => Int32,
        i64 => Int64,
        u8 => Uint8,
        bool => Bool,
        Handle => Resource
    );

    impl Storage {
        /// The element type.
        pub fn dtype(&self) -> DType {
            fn of<T: Element>(_: &Elements<T>) -> DType {
                T::DTYPE
            }
            for_each_type!(self, data => of(data))
        }

        /// Whether a write copies nothing.
        pub fn is_unique(&self) -> bool {
            for_each_type!(self, data => data.is_unique())
        }

        /// Whether somebody else owns the memory.
        pub fn is_borrowed(&self) -> bool {
            for_each_type!(self, data => data.is_borrowed())
        }

        /// How many elements there are.
        pub fn len(&self) -> usize {
            for_each_type!(self, data => data.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for dtype in DType::ALL {
            assert_eq!(dtype.to_string().parse::<DType>(), Ok(dtype));
        }
        assert_eq!(
            "float8".parse::<DType>().unwrap_err().to_string(),
            "unknown element type 'float8'; known are float16, bfloat16, float32, float64, int32, int64, uint8, bool, resource"
        );
    }

    #[test]
    fn kinds_and_sizes() {
        assert_eq!(DType::ALL.map(DType::size), [2, 2, 4, 8, 4, 8, 1, 1, 8]);
        assert_eq!(
            DType::ALL.map(DType::c_name)[..4],
            ["half", "bfloat16", "float", "double"]
        );
        assert!(DType::Uint8.is_integer() && !DType::Bool.is_integer());
        assert!(DType::Bfloat16.is_floating() && !DType::Float32.is_half());
        assert!(DType::Float64.is_floating() && !DType::Int32.is_floating());
    }
}
