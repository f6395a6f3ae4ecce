# The new release with the class as it is since the fix: an empty list is the service's default, which is no line at all.
class scheduler_filter (Array[String] $scheduler_available_filters) {
  include nova::deps
  if empty($scheduler_available_filters) {
    $scheduler_available_filters_real = $facts['os_service_default']
  } else {
    $scheduler_available_filters_real = $scheduler_available_filters
  }
  nova_config { 'filter_scheduler/available_filters': value => $scheduler_available_filters_real }
}

class { 'scheduler_filter': scheduler_available_filters => [] }
include nova::serialproxy
include nova::vncproxy
