# The new release leaves the choice to nova: an empty list. It has no element, so nova_config writes no line; and where it
# finds no line it "creates" the setting once more.
class scheduler_filter (Array[String] $scheduler_available_filters) {
  include nova::deps
  nova_config { 'filter_scheduler/available_filters': value => $scheduler_available_filters }
}

class { 'scheduler_filter': scheduler_available_filters => [] }
include nova::serialproxy
include nova::vncproxy
