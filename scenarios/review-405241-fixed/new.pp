# The new release, in the shape of ocata: a transport_url, a database URL that names an option file, and cells v2.
class { 'mysql::server':
  root_password    => 'UNSET', # Debian's root logs in over the socket
  override_options => { 'mysqld' => { 'bind-address' => '127.0.0.1' } },
}
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
  database_connection     => 'mysql+pymysql://nova:novapw@127.0.0.1/nova?read_default_file=/etc/my.cnf.d/tripleo.cnf&read_default_group=tripleo',
  api_database_connection => 'mysql+pymysql://nova_api:novapw@127.0.0.1/nova_api',
}
nova_config { 'DEFAULT/transport_url': value => 'rabbit://guest:rabbitpw@127.0.0.1:5672/?ssl=0', secret => true }
include nova::cell_v2::simple_setup
