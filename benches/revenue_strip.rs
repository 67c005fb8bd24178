//! How much does the core take for a body, by the size of the chunks in which it comes?
//!
//! `cargo bench -p strip-work`; `cargo bench -p strip-work -- --test` only runs each case once.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use strip_work::bodies::{Style, purchase_orders};
use strip_work::lockgate_strip;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    push(&mut criterion);
    criterion.final_summary();
}

fn push(criterion: &mut Criterion) {
    let Ok(policy) = lockgate_strip::policy() else { return };
    let mut group = criterion.benchmark_group("revenue_strip/push");
    for (kind, style) in [("minified", Style::Minified), ("pretty", Style::Pretty)] {
        let body = purchase_orders(1_000_000, style);
        group.throughput(Throughput::Bytes(body.len() as u64));
        for width in [64, 4096, 65_536] {
            group.bench_function(BenchmarkId::new(kind, width), |bencher| {
                let mut out = Vec::new();
                bencher.iter(|| {
                    lockgate_strip::strip(&policy, black_box(&body), width, &mut out, |bytes| {
                        black_box(bytes);
                    })
                });
            });
        }
    }
    group.finish();
}
