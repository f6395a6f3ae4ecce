# The old release names its filters. scheduler_filter is puppet-nova's nova::scheduler::filter as it was before the fix.
class scheduler_filter (Array[String] $scheduler_available_filters) {
  include nova::deps
  nova_config { 'filter_scheduler/available_filters': value => $scheduler_available_filters }
}

class { 'scheduler_filter': scheduler_available_filters => ['nova.scheduler.filters.all_filters'] }
include nova::serialproxy
include nova::vncproxy
