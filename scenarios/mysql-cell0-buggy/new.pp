# The new release: a second database for cell0, of the same character set, for the same user.
class { 'mysql::server':
  root_password    => 'UNSET', # Debian's root logs in over the socket
  override_options => { 'mysqld' => { 'bind-address' => '127.0.0.1' } },
}
class { 'nova::db::mysql':
  password    => 'novapw',
  host        => '%',
  setup_cell0 => true,
  charset     => 'utf8mb3',
  collate     => 'utf8mb3_general_ci',
}
include nova::serialproxy
