//! Writes samples into a server that receives remote writes: version 1 of the
//! protocol, as `prometheus/prompb/{remote,types}.proto` have it, in Snappy
//! blocks that are not compressed.

/// Series to be written at once.
#[derive(Clone, Debug, Default)]
pub struct Batch(Vec<u8>);

/// A native histogram as its process holds it.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Bounds grow by 2^(2^-schema).
    pub schema: i32,
    /// Observations up to `2^-10` from 0.
    pub zero: u64,
    /// Index and count of each bucket, ascending; the upper bound of index `i`
    /// is the growth to the power of `i`.
    pub buckets: Vec<(i32, u64)>,
}

impl Histogram {
    /// The same with coarser buckets.
    #[must_use]
    pub fn coarser(&self, schema: i32) -> Self {
        let times = 1_i32 << (self.schema - schema);
        let mut buckets: Vec<(i32, u64)> = Vec::new();
        for (index, count) in &self.buckets {
            // The bucket that holds the upper bound.
            let index = (index + times - 1).div_euclid(times);
            match buckets.last_mut() {
                Some((last, sum)) if *last == index => *sum += count,
                Some(_) | None => buckets.push((index, *count)),
            }
        }
        Self {
            schema,
            buckets,
            ..self.clone()
        }
    }

    fn message(&self, millis: i64) -> Vec<u8> {
        let all: u64 = self.buckets.iter().map(|(_, count)| count).sum();
        let mut message = Vec::new();
        number(&mut message, 1, all + self.zero);
        real(&mut message, 3, 1.0);
        number(&mut message, 4, zigzag(self.schema.into()));
        real(&mut message, 5, 1.0 / 1024.0);
        number(&mut message, 6, self.zero);
        let mut deltas = Vec::new();
        let (mut next, mut before) = (0, 0);
        for (index, count) in &self.buckets {
            let mut span = Vec::new();
            number(&mut span, 1, zigzag((index - next).into()));
            number(&mut span, 2, 1);
            bytes(&mut message, 11, &span);
            next = index + 1;
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            varint(&mut deltas, zigzag(count - before));
            before = count;
        }
        bytes(&mut message, 12, &deltas);
        number(&mut message, 15, u64::try_from(millis).unwrap_or(0));
        message
    }
}

impl Batch {
    /// Adds a series of values, `__name__` among its labels, with their times
    /// in milliseconds since 1970.
    pub fn values(&mut self, labels: &[(&str, &str)], samples: &[(i64, f64)]) {
        let mut series = written(labels);
        for (millis, value) in samples {
            let mut sample = Vec::new();
            real(&mut sample, 1, *value);
            number(&mut sample, 2, u64::try_from(*millis).unwrap_or(0));
            bytes(&mut series, 2, &sample);
        }
        bytes(&mut self.0, 1, &series);
    }

    /// Adds a series of native histograms, with the same times.
    pub fn histograms(&mut self, labels: &[(&str, &str)], readings: &[(i64, Histogram)]) {
        let mut series = written(labels);
        for (millis, histogram) in readings {
            bytes(&mut series, 4, &histogram.message(*millis));
        }
        bytes(&mut self.0, 1, &series);
    }

    /// The body of the request.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        varint(&mut body, size(self.0.len()));
        for chunk in self.0.chunks(1 << 16) {
            // A literal with its length less one in two bytes.
            body.push(61 << 2);
            let length = u16::try_from(chunk.len() - 1).unwrap_or(u16::MAX);
            body.extend(length.to_le_bytes());
            body.extend(chunk);
        }
        body
    }
}

fn written(labels: &[(&str, &str)]) -> Vec<u8> {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    let mut series = Vec::new();
    for (name, value) in labels {
        let mut label = Vec::new();
        bytes(&mut label, 1, name.as_bytes());
        bytes(&mut label, 2, value.as_bytes());
        bytes(&mut series, 1, &label);
    }
    series
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn real(out: &mut Vec<u8>, field: u64, value: f64) {
    varint(out, field << 3 | 1);
    out.extend(value.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, size(value.len()));
    out.extend(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
