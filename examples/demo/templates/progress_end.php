</ol>
<p class="message" role="status">Done. <a href="/progress">Again?</a></p>
