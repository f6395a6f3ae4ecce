# The old release, in one go: both APIs are sites of Apache.
class { 'apache': default_mods => false, default_vhost => false, mpm_module => 'event' }
apache::vhost {
  default:    servername => $facts['networking']['fqdn'], docroot => '/var/www/html', manage_docroot => false, priority => 10;
  'keystone': port => 5000;
  'aodh':     port => 8041;
}
