# The old release, in the shape of newton: no cells (v2), RabbitMQ in options of its own instead of a transport_url,
# and a database URL that names the address to connect from.
class { 'mysql::server':
  root_password    => 'UNSET', # Debian's root logs in over the socket
  override_options => { 'mysqld' => { 'bind-address' => '127.0.0.1' } },
}
# 'utf8', the module's default, is an alias of utf8mb3 since MariaDB 10.6: with it no run is ever the last one.
class {
  default: password => 'novapw', host => '127.0.0.1', charset => 'utf8mb3', collate => 'utf8mb3_general_ci';
  'nova::db::mysql': setup_cell0 => true;
  'nova::db::mysql_api': ;
}
file {
  default: owner => 'root', group => 'root';
  '/etc/my.cnf.d': ensure => directory, mode => '0755';
  '/etc/my.cnf.d/tripleo.cnf': ensure => file, mode => '0644', content => "[tripleo]\nbind-address=127.0.0.1\n";
}

class { 'nova::db':
  database_connection     => 'mysql+pymysql://nova:novapw@127.0.0.1/nova?bind_address=127.0.0.1',
  api_database_connection => 'mysql+pymysql://nova_api:novapw@127.0.0.1/nova_api',
}
nova_config {
  'oslo_messaging_rabbit/rabbit_host':     value => '127.0.0.1';
  'oslo_messaging_rabbit/rabbit_port':     value => '5672';
  'oslo_messaging_rabbit/rabbit_userid':   value => 'guest';
  'oslo_messaging_rabbit/rabbit_password': value => 'rabbitpw', secret => true;
}
include nova::db::sync
include nova::db::sync_api

# The row that nova-compute writes on its first start.
exec { 'a compute node has registered itself':
  path    => '/usr/bin',
  command => 'mariadb nova -e "INSERT INTO compute_nodes (uuid, host, hypervisor_hostname, vcpus, memory_mb, local_gb, vcpus_used, memory_mb_used, local_gb_used, hypervisor_type, hypervisor_version, cpu_info, mapped, deleted) VALUES (UUID(), \'cmp.example.test\', \'cmp.example.test\', 4, 8192, 40, 0, 0, 0, \'QEMU\', 2006000, \'\', 0, 0)"',
  unless  => 'mariadb nova -N -e "SELECT host FROM compute_nodes" | grep -qx cmp.example.test',
  require => Class['nova::db::sync'],
}

# What the image has besides and neither release needs here.
service { ['apache2', 'placement-api', 'rabbitmq-server']: ensure => stopped, enable => false }
