<?php use Demo\View; ?>
<h1>Figures</h1>
<p><b><?= View::escape($notes) ?></b> notes are kept here. This page was made at <?= View::escape($made) ?>.</p>
<p class="hint">It is cached: for a visitor without a cookie it comes without PHP until a note comes or goes.
  Look with <code>curl -I</code>, at <code>X-Askr-Cache</code>.</p>
