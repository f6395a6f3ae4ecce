# The new release, in steps: Apache comes with the first site in step 3, the second site only in step 4.
$n = Integer($facts['step'])

file { '/var/www/html':
  ensure => directory,
  owner  => 'root',
  group  => 'root',
  mode   => '0755',
}

if $n >= 3 {
  class { 'apache': default_mods => false, default_vhost => false, mpm_module => 'event' }
  apache::vhost { 'keystone':
    servername     => $facts['networking']['fqdn'],
    port           => 5000,
    docroot        => '/var/www/html',
    manage_docroot => false,
    priority       => 10,
  }
}
if $n >= 4 {
  apache::vhost { 'aodh':
    servername     => $facts['networking']['fqdn'],
    port           => 8042,
    docroot        => '/var/www/html',
    manage_docroot => false,
    priority       => 10,
  }
}
