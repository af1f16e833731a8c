<?php

/*
 * Boots WordPress once, in the template: requests of its front controller start with plugins and theme loaded, and pay
 * for themselves only. Nothing of a request stays for the next one.
 *
 *     askr serve --root /var/www/blog --isolation rewind --preload-script examples/wordpress-preload.php
 *
 * Good for pages, feeds and the REST interface at /wp-json. wp-admin, wp-login.php, wp-cron.php, xmlrpc.php and
 * whatever else is a script of its own boot by themselves, as without this file.
 *
 * What a boot does with its request is done at the start of each: superglobals, maintenance mode, the user of the
 * cookie, previews of posts, cron, the database connection. What is different:
 *
 * - Plugins that look at the request while they are loaded, or in `plugins_loaded`, `init` or `wp_loaded`, see one of
 *   a visitor for the home address. Plugins for several languages, shops and caches do such things: try them first.
 * - So does the Customizer: it shows the site without the changes that are not saved.
 * - Globals about the browser ($is_chrome, $is_iphone) are those of none; wp_is_mobile() is right.
 * - Every request has the scheme, http or https, of the home address.
 * - Settings are read in each request, but plugins, theme, language and permalinks are those of the boot, and so is
 *   what plugins make of their settings in `init`. After changing them: `askr reload`.
 *
 * An object cache that keeps a connection open needs to reconnect in askr_after_fork().
 */

const ASKR_DURING_WORDPRESS_BOOT = ['wp_redirect' => 'askr_refuse_redirect', 'wp_die_handler' => 'askr_refuse_to_die',
    'muplugins_loaded' => 'askr_pretend_request_for_home', 'init' => 'askr_put_off_cron'];

/** Nothing of WordPress shall end the boot without a word: redirects and pages with errors become exceptions. */
function askr_refuse_redirect(string $to): never
{
    throw new RuntimeException(str_contains($to, '/wp-admin/install.php')
        ? 'WordPress is not installed yet: start without the preload script first, and open /wp-admin/install.php'
        : "WordPress cannot be preloaded, it redirects to $to");
}

function askr_refuse_to_die(): callable
{
    return static function ($message): never {
        $text = is_wp_error($message) ? $message->get_error_message() : $message;
        throw new RuntimeException('WordPress cannot be preloaded: '.trim(strip_tags($text)));
    };
}

/** The server does not answer yet. */
function askr_put_off_cron(): void
{
    remove_action('init', 'wp_cron');
}

/** Addresses are made from these while WordPress boots. */
function askr_pretend_request_for_home(): void
{
    $home = parse_url(get_option('home'));
    $_SERVER['HTTP_HOST'] = $home['host'].(isset($home['port']) ? ":{$home['port']}" : '');
    if ($home['scheme'] === 'https') {
        $_SERVER['HTTPS'] = 'on';
    }
}

/** The template must keep neither what it has read from the database nor the connection. */
function askr_leave_wordpress_boot(): void
{
    foreach (ASKR_DURING_WORDPRESS_BOOT as $hook => $function) {
        remove_filter($hook, $function, PHP_INT_MIN);
    }
    wp_cache_flush_runtime();
    $GLOBALS['current_user'] = null;
    $GLOBALS['wpdb']->close();
}

/** What wp-settings.php does with the request, in its order. */
function askr_start_wordpress_request(): void
{
    $GLOBALS['wpdb']->db_connect();
    timer_start();
    wp_fix_server_vars();
    wp_maintenance();
    wp_magic_quotes();
    do_action('sanitize_comment_cookies');
    $GLOBALS['wp']->init();  // the user
    _show_post_preview();
    if (! (defined('DISABLE_WP_CRON') && DISABLE_WP_CRON)) {
        wp_cron();
    }
    register_shutdown_function([$GLOBALS['wpdb'], 'close']);  // after what WordPress does at the end
}

chdir($_SERVER['DOCUMENT_ROOT']);
if (! is_file('wp-load.php')) {
    throw new RuntimeException("there is no WordPress in {$_SERVER['DOCUMENT_ROOT']}");
}
$_SERVER = ['REQUEST_METHOD' => 'GET', 'REQUEST_URI' => '/', 'PHP_SELF' => '/index.php', 'SCRIPT_NAME' => '/index.php',
    'SERVER_PROTOCOL' => 'HTTP/1.1', 'REMOTE_ADDR' => '127.0.0.1', 'HTTP_HOST' => 'localhost'] + $_SERVER;
foreach (ASKR_DURING_WORDPRESS_BOOT as $hook => $function) {
    $wp_filter[$hook][PHP_INT_MIN][] = ['function' => $function, 'accepted_args' => 1];
}
require $_SERVER['DOCUMENT_ROOT'].'/wp-load.php';
askr_before_fork('askr_leave_wordpress_boot');

return 'askr_start_wordpress_request';
