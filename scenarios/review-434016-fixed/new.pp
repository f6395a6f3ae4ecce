# The new release, in steps: Apache comes with all of its sites in step 3.
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
if $n >= 3 {
  apache::vhost { 'aodh':
    servername     => $facts['networking']['fqdn'],
    port           => 8042,
    docroot        => '/var/www/html',
    manage_docroot => false,
    priority       => 10,
  }
}
