//! cyr_df: report disk use of the partitions.
