# One release, deployed again with other data: all parameters come from Hiera.
include nova::scheduler::filter
include nova::serialproxy
include nova::vncproxy
