<h1>Progress</h1>
<p>PHP works for three seconds and calls <code>flush()</code> after each step. Every line below was sent on its own; no
  script runs in your browser.</p>
<ol class="steps">
