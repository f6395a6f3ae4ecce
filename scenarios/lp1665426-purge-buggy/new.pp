# The new release: ntp keeps the time, and chrony is to go. But packages are not Puppet's business here: nodpkg purges
# nothing, and says so each time.
Package { provider => nodpkg }

package { 'chrony': ensure => purged, before => Service['ntpsec'] }
file { '/etc/ntpsec/ntp.conf':
  ensure  => file,
  content => "driftfile /var/lib/ntpsec/ntp.drift\ndisable ntp\nserver 192.0.2.123 iburst\n",
  owner   => 'root',
  group   => 'root',
  mode    => '0644',
}
~> service { 'ntpsec': ensure => running, enable => true }
