//! Numbers as people read them.

/// `1536` -> `1.5 KiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ if value < 10.0 => format!("{value:.2} {}", UNITS[unit]),
        _ if value < 100.0 => format!("{value:.1} {}", UNITS[unit]),
        _ => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// `1234567` ns -> `1.235 ms`.
pub fn duration(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.2} µs", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.3} ms", ns as f64 / 1e6),
        _ => format!("{:.3} s", ns as f64 / 1e9),
    }
}

/// `1234567` -> `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Round places from `start` to `end`, `step` apart; never more than can be told apart on a screen.
pub fn ticks(start: f64, end: f64, step: f64) -> impl Iterator<Item = f64> {
    const MOST: u32 = 200;
    let first = (start / step).ceil();
    (0..MOST).map(move |i| (first + f64::from(i)) * step).take_while(move |tick| *tick <= end)
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_read_well() {
        assert_eq!(super::bytes(0), "0 B");
        assert_eq!(super::bytes(1023), "1023 B");
        assert_eq!(super::bytes(1536), "1.50 KiB");
        assert_eq!(super::bytes(13_792_639_168), "12.8 GiB");
        assert_eq!(super::bytes(u64::MAX), "16.0 EiB");
        assert_eq!(super::duration(999), "999 ns");
        assert_eq!(super::duration(3_211_451_000), "3.211 s");
        assert_eq!(super::count(0), "0");
        assert_eq!(super::count(1234), "1,234");
        assert_eq!(super::count(123), "123");
    }

    #[test]
    fn ticks_end_whatever_the_numbers() {
        assert_eq!(super::ticks(1.0, 10.0, 4.0).collect::<Vec<_>>(), [4.0, 8.0]);
        assert!(super::ticks(1e19, 1e19 + 4096.0, 1.0).count() <= 200);
        assert_eq!(super::ticks(0.0, f64::NAN, 1.0).count(), 0);
    }
}
