//! What functions of databases do besides giving a value.

use crate::parameters::glob;

/// What calling a function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing: it gives a value.
    None,
    /// It reads files, runs programs or statements, waits, or changes something.
    Known,
    /// Not known: it is not one that databases bring.
    Unknown,
}

/// What a function does, by its name in lower case, with its schema or its package if it is written.
pub(super) fn effect_of(name: &str) -> Effect {
    let (packages, name) = name.rsplit_once('.').unwrap_or(("", name));
    let of_a_package = packages.split('.').any(|package| {
        let mut globs = PACKAGES.split_whitespace();
        globs.any(|glob| glob::matches(glob, package))
    });
    if of_a_package
        || WITH_EFFECTS
            .split_whitespace()
            .any(|glob| glob::matches(glob, name))
    {
        return Effect::Known;
    }
    match WITHOUT_EFFECTS
        .split_whitespace()
        .any(|known| known == name)
    {
        true => Effect::None,
        false => Effect::Unknown,
    }
}

/// Globs of functions of PostgreSQL, MySQL, SQLite, SQL Server, Oracle, DuckDB and ClickHouse that
/// read files or the network, run what they are given, wait, lock, or change settings.
const WITH_EFFECTS: &str = "
    pg_read_* pg_ls_* pg_stat_file pg_file_* lo_* lowrite loread dblink* pg_sleep* set_config
    pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile* pg_advisory_*
    pg_try_advisory_* pg_logical_* pg_create_* pg_drop_* pg_copy_* pg_replication_* pg_switch_wal
    pg_promote pg_wal_replay_* pg_backup_* pg_start_backup pg_stop_backup pg_log_* pg_export_snapshot
    pg_notify pg_stat_reset* pg_extension_config_dump pg_execute_* pg_current_logfile
    pg_read_server_files pg_hba_file_rules pg_show_all_file_settings query_to_xml* table_to_xml*
    schema_to_xml* database_to_xml* cursor_to_xml* ts_stat crosstab* connectby nextval setval
    lastval xpath_table plpython* plperl* http http_* net_http_* pg_net_*
    load_file sleep benchmark get_lock release_lock release_all_locks is_free_lock is_used_lock
    master_pos_wait source_pos_wait wait_for_executed_gtid_set sys_exec sys_eval sys_get sys_set
    extractvalue updatexml name_const
    load_extension readfile writefile edit fts3_tokenizer sqlite_compileoption_* randomblob zeroblob
    lsdir fsdir
    xp_* sp_* openrowset opendatasource openquery openxml fn_xe_file_target_read_file
    fn_get_audit_file fn_trace_gettable fn_virtualfilestats
    httpuritype bfilename
    read_csv* read_parquet* parquet_scan* parquet_metadata parquet_schema read_json* read_ndjson*
    read_text read_blob sniff_csv ts_rewrite pragma_* dbstat sqlite_dbpage inet_server_* getenv sqlite_scan postgres_scan mysql_scan iceberg_scan delta_scan
    file url s3 s3cluster remote remotesecure mysql postgresql mongodb hdfs hdfscluster executable
    jdbc odbc input redis gcs azureblobstorage cluster clusterallreplicas
    system shell exec execute eval cmd call";

/// Globs of packages whose functions do the same.
const PACKAGES: &str = "utl_* dbms_* htp owa_* ctxsys ordsys";

/// Functions that give a value and do nothing else.
const WITHOUT_EFFECTS: &str = "
    count sum avg min max stddev stddev_pop stddev_samp variance var_pop var_samp median mode
    string_agg array_agg group_concat listagg json_agg jsonb_agg json_object_agg jsonb_object_agg
    bool_and bool_or every any_value bit_and bit_or bit_xor corr covar_pop covar_samp regr_slope
    regr_intercept regr_r2 percentile_cont percentile_disc approx_count_distinct total
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
    grouping
    abs ceil ceiling floor round trunc truncate sign sqrt cbrt power pow exp ln log log2 log10 mod div
    pi sin cos tan asin acos atan atan2 degrees radians greatest least random rand width_bucket gcd lcm
    coalesce nullif ifnull nvl nvl2 isnull iif if decode
    lower upper initcap length char_length character_length octet_length bit_length len trim ltrim
    rtrim btrim lpad rpad left right substr substring substring_index mid replace translate reverse
    repeat concat concat_ws position instr locate strpos charindex split_part overlay ascii chr char
    unicode format printf quote md5 sha1 sha2 sha256 hex unhex encode to_hex soundex levenshtein
    similarity starts_with ends_with regexp_replace regexp_match regexp_matches regexp_like
    regexp_substr regexp_count regexp_instr regexp_split_to_array string_to_array array_to_string
    now current_date current_time current_timestamp localtime localtimestamp getdate sysdate curdate
    curtime utc_date utc_time utc_timestamp clock_timestamp statement_timestamp
    transaction_timestamp date time datetime timestamp julianday strftime unixepoch date_trunc
    date_part extract age date_add date_sub dateadd datediff date_diff timediff timestampdiff
    timestampadd adddate subdate date_format str_to_date to_date to_char to_number to_timestamp
    from_unixtime unix_timestamp make_date make_time make_timestamp make_interval justify_days
    justify_hours year month day hour minute second quarter week weekday dayofweek dayofmonth dayofyear
    dayname monthname last_day eomonth isfinite
    cast convert try_cast typeof pg_typeof
    json_extract json_value json_query json_object json_array json_build_object jsonb_build_object
    json_build_array jsonb_build_array json_array_length jsonb_array_length json_each jsonb_each
    json_each_text jsonb_each_text json_array_elements jsonb_array_elements
    json_array_elements_text jsonb_array_elements_text json_object_keys jsonb_object_keys
    json_extract_path json_extract_path_text jsonb_extract_path jsonb_extract_path_text to_json
    to_jsonb row_to_json json_typeof jsonb_typeof jsonb_set jsonb_path_query jsonb_path_exists
    jsonb_pretty json_contains json_unquote json_type json_valid json_tree json
    array_length cardinality unnest array_append array_cat array_position array_remove generate_series
    to_tsvector to_tsquery plainto_tsquery websearch_to_tsquery phraseto_tsquery ts_rank ts_rank_cd
    ts_headline match against bm25 snippet highlight
    gen_random_uuid uuid uuid_generate_v4 version database schema user current_user session_user
    current_schema current_database last_insert_rowid last_insert_id changes row_count found_rows
    exists in any all some row values
    date_bin date_subtract make_timestamptz timezone timeofday regexp_split_to_table string_to_table
    array_prepend array_positions array_replace array_ndims array_dims array_upper array_lower
    array_fill trim_array json_strip_nulls jsonb_strip_nulls jsonb_insert jsonb_path_query_array
    jsonb_path_query_first jsonb_path_match json_to_record json_to_recordset jsonb_to_record
    jsonb_to_recordset json_populate_record json_populate_recordset jsonb_populate_record
    jsonb_populate_recordset num_nulls num_nonnulls scale min_scale trim_scale factorial cot sinh cosh
    tanh asinh acosh atanh erf erfc regr_avgx regr_avgy regr_count regr_sxx regr_sxy regr_syy
    int4range int8range numrange daterange tsrange tstzrange lower_inc upper_inc lower_inf upper_inf
    isempty range_merge range_agg range_intersect_agg unaccent normalize casefold quote_ident
    quote_literal quote_nullable sha224 sha384 sha512 crc32 convert_from convert_to get_bit get_byte
    set_bit set_byte bit_count word_similarity strict_word_similarity metaphone dmetaphone host
    hostmask masklen netmask network broadcast numnode setweight strip tsvector_to_array ts_delete
    ts_filter array_to_tsvector point circle box line lseg area center cosine_distance l1_distance
    l2_distance inner_product vector_dims vector_norm pg_size_pretty format_type obj_description
    col_description
    total_changes glob like likelihood likely unlikely json_insert json_replace json_set json_patch
    json_remove json_quote json_group_array json_group_object jsonb_group_array jsonb_group_object
    json_pretty percentile sqlite_version matchinfo offsets";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_known_by_what_they_do() {
        assert_eq!(effect_of("pg_read_binary_file"), Effect::Known);
        assert_eq!(effect_of("xp_cmdshell"), Effect::Known);
        assert_eq!(effect_of("utl_http.request"), Effect::Known);
        assert_eq!(effect_of("pg_catalog.count"), Effect::None);
        assert_eq!(effect_of("my_function"), Effect::Unknown);
        assert_eq!(effect_of("ts_rewrite"), Effect::Known);
    }
}
