//! Random values as TensorFlow's CPU kernels make them from a [`Philox`] stream.

use tconv_tensor::{bf16, f16};

use super::philox::Philox;

/// How many groups of a stream a run takes up for each of its values: `TruncatedNormal` rejects
/// values, so TensorFlow sets aside more than enough, and does so for every distribution.
const RESERVED_PER_VALUE: u64 = 256;
/// How many words the groups of one `TruncatedNormal` value span.
const TRUNCATED_WORDS_PER_VALUE: u64 = 256;
const WORDS_PER_GROUP: u64 = 4;

/// What random values follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Mean 0 and standard deviation 1: TensorFlow's `RandomStandardNormal`.
    StandardNormal,
    /// At least 0 and below 1: TensorFlow's `RandomUniform`.
    Uniform,
    /// The standard normal distribution inside (-2, 2): TensorFlow's `TruncatedNormal`.
    TruncatedNormal,
}

/// Fills `out` with the node's next run and advances `stream`, as TensorFlow's kernels of type
/// `float` do.
///
/// Uniform values are TensorFlow's to the bit. Normal ones are too wherever the system's
/// `logf`, `sinf` and `cosf`, which both programs use, are the same.
pub fn fill_f32(stream: &mut Philox, distribution: Distribution, out: &mut [f32]) {
    fill(stream, distribution, out);
}

/// Fills `out` with the node's next run and advances `stream`, as TensorFlow's kernels of type
/// `double` do.
///
/// Uniform values are TensorFlow's to the bit. Normal ones are too wherever the system's
/// `log`, `sin` and `cos`, which both programs use, are the same.
pub fn fill_f64(stream: &mut Philox, distribution: Distribution, out: &mut [f64]) {
    fill(stream, distribution, out);
}

/// Fills `out` with the node's next run of uniform values and advances `stream`, as TensorFlow's kernels of
/// types `half` and `bfloat16` do; their normal values are rounded from those of [`fill_f32`].
pub fn fill_uniform_half<T: Half>(stream: &mut Philox, out: &mut [T]) {
    let start = stream.clone();
    stream.skip((out.len() as u64).wrapping_mul(RESERVED_PER_VALUE));
    fill_in_order(start, 4, |words| words.map(T::unit), out);
}

/// A type of 16 bits.
pub trait Half: Copy {
    /// The lower bits of `word` as the fraction of a number in [1, 2), less 1.
    fn unit(word: u32) -> Self;
}

impl Half for f16 {
    fn unit(word: u32) -> f16 {
        f16::from_bits(f16::ONE.to_bits() | (word & 0x3ff) as u16) - f16::ONE
    }
}

impl Half for bf16 {
    fn unit(word: u32) -> bf16 {
        bf16::from_bits(bf16::ONE.to_bits() | (word & 0x7f) as u16) - bf16::ONE
    }
}

/// A type of random values.
trait Real: Copy {
    /// The values that come from one group of four words.
    type Group: AsRef<[Self]>;
    /// The number of values in a `Group`.
    const GROUP_LEN: usize;
    fn uniform(words: [u32; 4]) -> Self::Group;
    fn normal(words: [u32; 4]) -> Self::Group;
    fn is_kept_when_truncated(self) -> bool;
}

fn fill<T: Real>(stream: &mut Philox, distribution: Distribution, out: &mut [T]) {
    let start = stream.clone();
    stream.skip((out.len() as u64).wrapping_mul(RESERVED_PER_VALUE));
    match distribution {
        Distribution::StandardNormal => fill_in_order(start, T::GROUP_LEN, T::normal, out),
        Distribution::Uniform => fill_in_order(start, T::GROUP_LEN, T::uniform, out),
        Distribution::TruncatedNormal => fill_truncated(start, out),
    }
}

fn fill_in_order<T: Copy, G: AsRef<[T]>>(
    mut stream: Philox,
    group_len: usize,
    convert: impl Fn([u32; 4]) -> G,
    out: &mut [T],
) {
    for values in out.chunks_mut(group_len) {
        let group = convert(stream.next4());
        values.copy_from_slice(&group.as_ref()[..values.len()]);
    }
}

/// Every group of values has its own stretch of the stream, and holds the first normal values
/// there that are not rejected.
fn fill_truncated<T: Real>(mut start: Philox, out: &mut [T]) {
    for values in out.chunks_mut(T::GROUP_LEN) {
        let mut stream = start.clone();
        let mut filled = 0;
        while filled < values.len() {
            for &value in T::normal(stream.next4()).as_ref() {
                if filled < values.len() && value.is_kept_when_truncated() {
                    values[filled] = value;
                    filled += 1;
                }
            }
        }
        start.skip(T::GROUP_LEN as u64 * TRUNCATED_WORDS_PER_VALUE / WORDS_PER_GROUP);
    }
}

/// The bound of `TruncatedNormal`, in standard deviations.
const TRUNCATE_AT: f32 = 2.0;

/// What keeps the argument of the logarithm above 0.
const EPSILON: f64 = 1e-7;

impl Real for f32 {
    type Group = [f32; 4];
    const GROUP_LEN: usize = 4;

    fn uniform(words: [u32; 4]) -> [f32; 4] {
        words.map(unit_f32)
    }

    fn normal([a, b, c, d]: [u32; 4]) -> [f32; 4] {
        let [first, second] = box_muller_f32(a, b);
        let [third, fourth] = box_muller_f32(c, d);
        [first, second, third, fourth]
    }

    fn is_kept_when_truncated(self) -> bool {
        self.abs() < TRUNCATE_AT
    }
}

impl Real for f64 {
    type Group = [f64; 2];
    const GROUP_LEN: usize = 2;

    fn uniform([a, b, c, d]: [u32; 4]) -> [f64; 2] {
        [unit_f64(a, b), unit_f64(c, d)]
    }

    fn normal([a, b, c, d]: [u32; 4]) -> [f64; 2] {
        let radius = (-2.0 * unit_f64(a, b).max(EPSILON).ln()).sqrt();
        let angle = std::f64::consts::TAU * unit_f64(c, d);
        let (sin, cos) = angle.sin_cos();
        [sin * radius, cos * radius]
    }

    fn is_kept_when_truncated(self) -> bool {
        self.abs() < f64::from(TRUNCATE_AT)
    }
}

/// The lower 23 bits of `word` as the fraction of a number in [1, 2), less 1.
fn unit_f32(word: u32) -> f32 {
    f32::from_bits(1.0_f32.to_bits() | word & 0x7f_ffff) - 1.0
}

/// The lower 20 bits of `high` and all of `low` as the fraction of a number in [1, 2), less 1.
fn unit_f64(high: u32, low: u32) -> f64 {
    let fraction = u64::from(high & 0xf_ffff) << 32 | u64::from(low);
    f64::from_bits(1.0_f64.to_bits() | fraction) - 1.0
}

/// Two normal values from two uniform ones, by the transform of Box and Muller.
fn box_muller_f32(first: u32, second: u32) -> [f32; 2] {
    let radius = (-2.0 * unit_f32(first).max(EPSILON as f32).ln()).sqrt();
    // TensorFlow rounds the angle once, after a product of doubles.
    let angle = (std::f64::consts::TAU * f64::from(unit_f32(second))) as f32;
    let (sin, cos) = angle.sin_cos();
    [sin * radius, cos * radius]
}

#[cfg(test)]
mod tests {
    use super::super::philox::seeds;
    use super::Distribution::{StandardNormal, TruncatedNormal, Uniform};
    use super::*;
    use std::fmt::Debug;

    /// Seeds, the size of a run, and the middle and the last value of each of three runs.
    type Recorded<T> = (Distribution, (i64, i64), usize, [T; 6]);

    /// The ops' values in TensorFlow 2.21, printed so that they read back to the bit.
    #[rustfmt::skip]
    const RECORDED_F32: [Recorded<f32>; 18] = [
        (StandardNormal, (1, 0), 1, [0.3052047, 0.3052047, -0.89273494, -0.89273494, 0.33149767, 0.33149767]),
        (StandardNormal, (1, 0), 2, [0.5671378, 0.5671378, 0.4665157, 0.4665157, -0.7630702, -0.7630702]),
        (StandardNormal, (87_654_321, 42), 3, [-0.1377521, -0.6763296, -0.15879929, -1.0607921, 1.9438368, -0.5893153]),
        (StandardNormal, (-5, 1_099_511_627_783), 5, [-0.5733063, -1.2661244, -1.4637265, -0.5366443, 0.048280098, -1.2616165]),
        (StandardNormal, (2_147_483_646, 1), 17, [-0.9951761, 0.17773809, -0.008972041, -0.34890157, -1.4918424, 0.28726444]),
        (StandardNormal, (0, 2_147_483_647), 1000, [0.6041313, 0.46093214, -0.2812208, 1.5712276, -0.5196095, 0.25545594]),
        (Uniform, (1, 0), 1, [0.81269646, 0.81269646, 0.5272893, 0.5272893, 0.8489425, 0.8489425]),
        (Uniform, (1, 0), 2, [0.07857466, 0.07857466, 0.098324776, 0.098324776, 0.34213376, 0.34213376]),
        (Uniform, (87_654_321, 42), 3, [0.67740774, 0.79531825, 0.26369226, 0.15880406, 0.9988142, 0.43071377]),
        (Uniform, (-5, 1_099_511_627_783), 5, [0.5540323, 0.32516658, 0.34200943, 0.68685496, 0.32552612, 0.30512726]),
        (Uniform, (2_147_483_646, 1), 17, [0.60310304, 0.7273258, 0.927119, 0.7821382, 0.30797803, 0.93795896]),
        (Uniform, (0, 2_147_483_647), 1000, [0.7518302, 0.9548024, 0.599908, 0.076289535, 0.2695042, 0.21952534]),
        (TruncatedNormal, (1, 0), 1, [0.3052047, 0.3052047, -0.89273494, -0.89273494, 0.33149767, 0.33149767]),
        (TruncatedNormal, (1, 0), 2, [0.5671378, 0.5671378, 0.4665157, 0.4665157, -0.7630702, -0.7630702]),
        (TruncatedNormal, (87_654_321, 42), 3, [-0.1377521, -0.6763296, -0.15879929, -1.0607921, 1.9438368, -0.5893153]),
        (TruncatedNormal, (-5, 1_099_511_627_783), 5, [-0.5733063, -0.46036077, -1.4637265, -0.98603296, 0.048280098, 0.28546584]),
        (TruncatedNormal, (2_147_483_646, 1), 17, [-0.38626775, 1.7695606, 0.76277727, -0.72954494, -1.1779003, -1.5698448]),
        (TruncatedNormal, (0, 2_147_483_647), 1000, [-0.35079962, -0.9417934, 1.00165, -0.13726938, 1.7612317, -0.9536236]),
    ];

    /// As `RECORDED_F32`, of type `double`.
    #[rustfmt::skip]
    const RECORDED_F64: [Recorded<f64>; 18] = [
        (StandardNormal, (1, 0), 1, [0.8737485213695968, 0.8737485213695968, -0.10941922187284438, -0.10941922187284438, 0.51973019293138, 0.51973019293138]),
        (StandardNormal, (1, 0), 2, [0.7852246295943545, 0.7852246295943545, -0.4443307229396499, -0.4443307229396499, -1.6176935132358228, -1.6176935132358228]),
        (StandardNormal, (87_654_321, 42), 3, [-0.6371964266311646, 0.04856931364585292, -0.16175850984459766, -0.8392105123864506, -1.6665698686248598, -1.351306553265733]),
        (StandardNormal, (-5, 1_099_511_627_783), 5, [-0.9769568888597344, 0.14795125361506561, 1.005674787732858, -1.3019403369743399, -0.023974448112459162, -0.7218492234080752]),
        (StandardNormal, (2_147_483_646, 1), 17, [0.5546444238788586, 0.6038253216680209, 0.18068671609346784, 0.4843409526618528, -0.6092108213915172, 1.04081965957661]),
        (StandardNormal, (0, 2_147_483_647), 1000, [-1.7603607783339943, -0.5948128348035161, -1.17707579925513, 1.545747202279932, -0.007706393483567987, 0.844217454781705]),
        (Uniform, (1, 0), 1, [0.5015725085112726, 0.5015725085112726, 0.21831430987402523, 0.21831430987402523, 0.7915401833100706, 0.7915401833100706]),
        (Uniform, (1, 0), 2, [0.13348456503684658, 0.13348456503684658, 0.36257773520927916, 0.36257773520927916, 0.6487472084576131, 0.6487472084576131]),
        (Uniform, (87_654_321, 42), 3, [0.36254602252651336, 0.8076457653772362, 0.27043256518756675, 0.47520519199618416, 0.4457103012595154, 0.3416781163736118]),
        (Uniform, (-5, 1_099_511_627_783), 5, [0.6013330512868311, 0.48014712365546286, 0.49484005869600867, 0.31966116547419654, 0.4410189979759649, 0.5613654986322463]),
        (Uniform, (2_147_483_646, 1), 17, [0.8186069903229372, 0.6502087826621981, 0.2571060655956896, 0.2298673955518793, 0.5036725464308991, 0.5817380491334858]),
        (Uniform, (0, 2_147_483_647), 1000, [0.18768136480289033, 0.5341362309663171, 0.46952259854091305, 0.13628584977530345, 0.1329313055276249, 0.9746943199254201]),
        (TruncatedNormal, (1, 0), 1, [0.8737485213695968, 0.8737485213695968, -0.10941922187284438, -0.10941922187284438, 0.51973019293138, 0.51973019293138]),
        (TruncatedNormal, (1, 0), 2, [0.7852246295943545, 0.7852246295943545, -0.4443307229396499, -0.4443307229396499, -1.2454835158443485, -1.2454835158443485]),
        (TruncatedNormal, (87_654_321, 42), 3, [-0.6371964266311646, 1.0386338435537557, -0.16175850984459766, 0.07301583743528535, -1.6665698686248598, -0.06561741938185366]),
        (TruncatedNormal, (-5, 1_099_511_627_783), 5, [-0.1257632044686633, -0.818156992495411, -0.006320576982104526, -0.13505196572824554, -1.389909507171352, -0.2537900277511748]),
        (TruncatedNormal, (2_147_483_646, 1), 17, [-0.8545751312055702, 0.1136579726175448, 1.0143721611235312, -0.4167522383114974, 0.1946166762608133, -1.1020504258333723]),
        (TruncatedNormal, (0, 2_147_483_647), 1000, [0.6482407453233466, 0.8986883917462068, -0.6523104732128685, -0.37017023783046105, 0.07821609847419181, 0.19935721700279574]),
    ];

    /// How far, in machine epsilons, the system's logarithm, sine and cosine may move a normal
    /// value from the one recorded with those of GNU libc on x86-64.
    const LIBM_EPSILONS: f64 = if cfg!(all(
        target_os = "linux",
        target_env = "gnu",
        target_arch = "x86_64"
    )) {
        0.0
    } else {
        4.0
    };

    fn assert_same<T: Copy + Debug + Into<f64>>(
        distribution: Distribution,
        epsilon: T,
        ours: &[T],
        theirs: &[T],
    ) {
        let allowed = match distribution {
            Uniform => 0.0,
            StandardNormal | TruncatedNormal => LIBM_EPSILONS * epsilon.into(),
        };
        assert_eq!(ours.len(), theirs.len());
        for (&a, &b) in ours.iter().zip(theirs) {
            let (a, b): (f64, f64) = (a.into(), b.into());
            assert!(
                (a - b).abs() <= allowed * b.abs(),
                "{distribution:?}: {ours:?} {theirs:?}"
            );
        }
    }

    fn f32_run(stream: &mut Philox, distribution: Distribution, size: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; size];
        fill_f32(stream, distribution, &mut out);
        out
    }

    fn f64_run(stream: &mut Philox, distribution: Distribution, size: usize) -> Vec<f64> {
        let mut out = vec![f64::NAN; size];
        fill_f64(stream, distribution, &mut out);
        out
    }

    #[test]
    fn three_runs_are_those_of_tensorflow() {
        for (distribution, (seed, seed2), size, theirs) in RECORDED_F32 {
            let mut stream = Philox::new(seed, seed2);
            for theirs in theirs.chunks(2) {
                let run = f32_run(&mut stream, distribution, size);
                assert_same(
                    distribution,
                    f32::EPSILON,
                    &[run[size / 2], run[size - 1]],
                    theirs,
                );
            }
        }
        for (distribution, (seed, seed2), size, theirs) in RECORDED_F64 {
            let mut stream = Philox::new(seed, seed2);
            for theirs in theirs.chunks(2) {
                let run = f64_run(&mut stream, distribution, size);
                assert_same(
                    distribution,
                    f64::EPSILON,
                    &[run[size / 2], run[size - 1]],
                    theirs,
                );
            }
        }
    }

    /// Two nodes of a graph with seed 1 and no op seeds, in TensorFlow 2.21.
    #[test]
    fn a_graph_seed_gives_the_values_of_tensorflow() {
        let x = [
            0.3052047, 0.5671378, 0.41852272, 0.2326421, -0.6602213, -2.2560465, -0.5328236,
            1.0428433, -0.390923,
        ];
        let kernel = [
            0.28183395, 2.3878284, 2.2804048, -0.308662, -0.4475815, -0.807146, 0.160361,
            -0.3369857, 0.46538463, -1.2490052, 0.9383302, -1.2840546,
        ];
        let stream = |counter| {
            let (seed, seed2) = seeds(Some(1), None, counter).unwrap();
            Philox::new(seed, seed2)
        };
        let mut first = stream(0);
        assert_same(
            StandardNormal,
            f32::EPSILON,
            &f32_run(&mut first, StandardNormal, 9),
            &x,
        );
        let second = f32_run(&mut first, StandardNormal, 9);
        assert_same(
            StandardNormal,
            f32::EPSILON,
            &second[..2],
            &[-0.124756105, 0.030974118],
        );
        assert_same(
            StandardNormal,
            f32::EPSILON,
            &f32_run(&mut stream(1), StandardNormal, 12),
            &kernel,
        );
    }

    /// A node fed its shape: runs of 5, 0, 7, 1000 and 1 values in TensorFlow 2.21.
    #[test]
    fn each_run_takes_up_the_stream_by_its_own_size() {
        let sizes = [5, 0, 7, 1000, 1];
        let table = [
            (
                StandardNormal,
                [-0.28239992, -0.0035562466, -0.6604031, -0.9292148],
            ),
            (Uniform, [0.539564, 0.8234037, 0.52780414, 0.56734276]),
            (
                TruncatedNormal,
                [0.18132125, -0.49771813, 0.7356834, -0.9292148],
            ),
        ];
        for (distribution, last) in table {
            let mut stream = Philox::new(3, 4);
            let runs = sizes.map(|size| f32_run(&mut stream, distribution, size));
            let ours: Vec<f32> = runs.iter().filter_map(|run| run.last().copied()).collect();
            assert_same(distribution, f32::EPSILON, &ours, &last);
        }
    }

    /// The least and the greatest of 10000 values in TensorFlow 2.21.
    #[test]
    fn truncation_is_at_two() {
        let run = f32_run(&mut Philox::new(1, 0), TruncatedNormal, 10_000);
        let ends = [
            run.iter().copied().fold(0.0, f32::min),
            run.iter().copied().fold(0.0, f32::max),
        ];
        assert_same(
            TruncatedNormal,
            f32::EPSILON,
            &ends,
            &[-1.9962852, 1.9997396],
        );
        let run = f64_run(&mut Philox::new(1, 0), TruncatedNormal, 10_000);
        let ends = [
            run.iter().copied().fold(0.0, f64::min),
            run.iter().copied().fold(0.0, f64::max),
        ];
        assert_same(
            TruncatedNormal,
            f64::EPSILON,
            &ends,
            &[-1.9960919673665607, 1.9992627498156559],
        );
    }

    /// Seeds whose first uniform value is so small that TensorFlow 2.21 raises it before it
    /// takes the logarithm.
    #[test]
    fn the_logarithm_is_kept_from_zero() {
        let ours = f32_run(&mut Philox::new(7_190_464, 0), StandardNormal, 2);
        assert_same(StandardNormal, f32::EPSILON, &ours, &[-4.141758, 3.8835597]);
        let ours = f64_run(&mut Philox::new(9_829_682, 0), StandardNormal, 2);
        assert_same(
            StandardNormal,
            f64::EPSILON,
            &ours,
            &[-2.708633891628614, 4.9899392524396],
        );
    }
}
