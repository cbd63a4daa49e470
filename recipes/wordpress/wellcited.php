<?php
/**
 * Plugin Name: wellcited
 * Description: Readers ask your guide: a button on every page, or [wellcited] in a text.
 * Version: 1.0.0
 * Requires at least: 5.3
 * Requires PHP: 7.4
 * License: Apache-2.0
 *
 * Copy this file into wp-content/plugins/, activate it, and name your wellcited server under Settings > wellcited.
 */

if (!defined('ABSPATH')) {
    exit;
}

const WELLCITED_ATTRIBUTES = ['title', 'greeting', 'accent', 'position', 'lang', 'questions', 'theme', 'label', 'remember', 'open'];

/** The address of the server with a slash at its end, or '' where none is set. */
function wellcited_host(): string
{
    $host = esc_url_raw((string) get_option('wellcited_host', ''), ['https', 'http']);
    return $host === '' ? '' : trailingslashit($host);
}

/** What is set on the settings page, one "name = value" a line, as attributes: only those that the widget has. */
function wellcited_attributes(): array
{
    $attributes = [];
    foreach (explode("\n", (string) get_option('wellcited_attributes', '')) as $line) {
        [$name, $value] = array_map('trim', explode('=', $line, 2)) + ['', ''];
        if (in_array($name, WELLCITED_ATTRIBUTES, true)) {
            $attributes[$name] = $value;
        }
    }
    return $attributes;
}

/** The script once in the page; its button only where it is wanted on every page. */
add_action('wp_enqueue_scripts', function (): void {
    if (wellcited_host() === '') {
        return;
    }
    // The server's own version stands behind the address: no ?ver= of WordPress.
    wp_register_script('wellcited', wellcited_host() . 'widget.js', [], null, true);
    if (get_option('wellcited_everywhere', '1') === '1') {
        wp_enqueue_script('wellcited');
    }
});

add_filter('script_loader_tag', function (string $tag, string $handle): string {
    if ($handle !== 'wellcited') {
        return $tag;
    }
    $attributes = wellcited_attributes();
    if (get_option('wellcited_everywhere', '1') !== '1') {
        $attributes['launcher'] = 'off';
    }
    $written = ' defer';
    foreach ($attributes as $name => $value) {
        $written .= sprintf(' data-%s="%s"', $name, esc_attr($value));
    }
    return str_replace(' src=', $written . ' src=', $tag);
}, 10, 2);

/** [wellcited title="Ask us"]: the chat in the text. */
add_shortcode('wellcited', function ($given): string {
    if (wellcited_host() === '') {
        return '';
    }
    wp_enqueue_script('wellcited');
    $html = '<wellcited-chat';
    foreach ((array) $given as $name => $value) {
        if (in_array($name, WELLCITED_ATTRIBUTES, true)) {
            $html .= sprintf(' %s="%s"', $name, esc_attr($value));
        }
    }
    return $html . '></wellcited-chat>';
});

add_action('admin_init', function (): void {
    register_setting('wellcited', 'wellcited_host', ['sanitize_callback' => 'esc_url_raw']);
    register_setting('wellcited', 'wellcited_attributes', ['sanitize_callback' => 'sanitize_textarea_field']);
    register_setting('wellcited', 'wellcited_everywhere', ['sanitize_callback' => fn ($value) => $value === '1' ? '1' : '0']);
});

add_action('admin_menu', function (): void {
    add_options_page('wellcited', 'wellcited', 'manage_options', 'wellcited', function (): void {
        ?>
        <div class="wrap">
            <h1>wellcited</h1>
            <form method="post" action="options.php">
                <?php settings_fields('wellcited'); ?>
                <table class="form-table">
                    <tr>
                        <th><label for="wellcited_host">Server</label></th>
                        <td><input class="regular-text" type="url" id="wellcited_host" name="wellcited_host"
                            placeholder="https://guide.example.org" value="<?php echo esc_attr(get_option('wellcited_host', '')); ?>">
                            <p class="description">This site's address must stand in the server's <code>allowed_origins</code>.</p></td>
                    </tr>
                    <tr>
                        <th><label for="wellcited_attributes">Attributes</label></th>
                        <td><textarea class="large-text" rows="5" id="wellcited_attributes" name="wellcited_attributes"
                            placeholder="title = Ask us"><?php echo esc_textarea(get_option('wellcited_attributes', '')); ?></textarea>
                            <p class="description">One a line: <?php echo esc_html(implode(', ', WELLCITED_ATTRIBUTES)); ?>.</p></td>
                    </tr>
                    <tr>
                        <th>Button</th>
                        <td><input type="hidden" name="wellcited_everywhere" value="0">
                            <label><input type="checkbox" name="wellcited_everywhere" value="1"
                            <?php checked(get_option('wellcited_everywhere', '1'), '1'); ?>> on every page; else only where [wellcited] stands</label></td>
                    </tr>
                </table>
                <?php submit_button(); ?>
            </form>
        </div>
        <?php
    });
});
