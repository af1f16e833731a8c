<?php use Demo\Server; ?>
<li><progress max="<?= $steps ?>" value="<?= $step ?>"></progress> step <?= $step ?> of <?= $steps ?> after <?= Server::milliseconds() ?> ms</li>
