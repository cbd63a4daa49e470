"""What somebody might write, or smuggle into a guide, to make a page do something. Each would set off the canary."""

from __future__ import annotations

_MARKUP = r"""
<script>canary()</script>
<SCRIPT>canary()</SCRIPT>
<script src="/canary.js"></script>
<script src=//canary.invalid/x.js></script>
</script><script>canary()</script>
<scr<script>ipt>canary()</scr</script>ipt>
<script/x>canary()</script>
<script type="module">canary()</script>
<script>/*</script><script>*/canary()</script>
<img src=x onerror=canary()>
<img src=x onerror="canary()">
<IMG SRC=x ONERROR=canary()>
<img/src=x/onerror=canary()>
<img src="x`" onerror="canary()">
<img src=x:x onerror&#61;canary()>
<img srcset=x onerror=canary()>
<img src onerror=canary() alt='
<image href=x onerror=canary()>
<picture><source srcset=x onerror=canary()><img></picture>
<svg onload=canary()>
<svg/onload=canary()>
<svg><script>canary()</script></svg>
<svg><a href="javascript:canary()"><text y=20>press</text></a></svg>
<svg><animate onbegin=canary() attributeName=x dur=1s>
<svg><set attributeName=href to=javascript:canary()>
<svg><use href="data:image/svg+xml,<svg id=x xmlns='http://www.w3.org/2000/svg'><script>canary()</script></svg>#x">
<svg><foreignObject><iframe srcdoc="<script>parent.canary()</script>"></iframe></foreignObject></svg>
<math><mi href="javascript:canary()">x</mi></math>
<math><annotation-xml encoding="text/html"><script>canary()</script></annotation-xml></math>
<iframe src="javascript:canary()"></iframe>
<iframe srcdoc="<script>parent.canary()</script>"></iframe>
<iframe onload=canary()></iframe>
<object data="javascript:canary()"></object>
<embed src="javascript:canary()">
<a href="javascript:canary()">press here</a>
<a href=javascript&colon;canary()>press here</a>
<a href="jAvAsCrIpT:canary()" autofocus>press here</a>
<a onmouseover=canary()>hover</a>
<a id=wellcited href=#>clobber</a>
<a id=launcher name=launcher>clobber</a>
<body onload=canary()>
<body onpageshow=canary()>
<html onmousemove=canary()>
<input onfocus=canary() autofocus>
<input type=image src=x onerror=canary()>
<select onfocus=canary() autofocus><option>x</select>
<textarea onfocus=canary() autofocus></textarea>
</textarea><script>canary()</script>
</title><script>canary()</script>
</style><script>canary()</script>
</noscript><script>canary()</script>
</template><script>canary()</script>
</blockquote></li></ul></details><script>canary()</script>
</p></div></dialog><img src=x onerror=canary()>
--><script>canary()</script><!--
<!--><img src=x onerror=canary()>-->
<!--[if IE]><script>canary()</script><![endif]-->
<![CDATA[<script>canary()</script>]]>
]]><script>canary()</script>
<?xml version="1.0"?><script>canary()</script>
<?php echo '<script>canary()</script>'; ?>
<% canary() %>
<button autofocus onfocus=canary()>x</button>
<button formaction="javascript:canary()" form=x>x</button>
<form action="javascript:canary()"><input type=submit></form>
<form><input name=action><input name=submit></form>
<details open ontoggle=canary()><summary>x</summary></details>
<dialog open onclose=canary()>x</dialog>
<video src=x onerror=canary()></video>
<video><source onerror=canary()></video>
<audio src=x onerror=canary()></audio>
<marquee onstart=canary()>x</marquee>
<meter onclick=canary()>x</meter>
<keygen autofocus onfocus=canary()>
<link rel=stylesheet href="javascript:canary()">
<link rel=import href="data:text/html,<script>canary()</script>">
<meta http-equiv=refresh content="0;url=javascript:canary()">
<base href="//canary.invalid/">
<style>*{background:url(javascript:canary())}</style>
<style>@import 'javascript:canary()';</style>
<style>:host{display:none!important}</style>
<p style="background:url('javascript:canary()')">x</p>
<p style="animation-name:x" onanimationstart=canary()>x</p>
<div style="position:fixed;inset:0" onclick=canary()>cover</div>
<table background="javascript:canary()"><td>x</table>
<template shadowrootmode=open><script>canary()</script></template>
<slot onslotchange=canary()></slot>
<wellcited-chat launcher open></wellcited-chat>
<x onclick=canary() tabindex=1 autofocus onfocus=canary()>x</x>
<xss id=x tabindex=1 onactivate=canary()></xss>
<noscript><p title="</noscript><img src=x onerror=canary()>">
<plaintext>
<xmp><script>canary()</script></xmp>
<listing>&lt;script&gt;canary()&lt;/script&gt;</listing>
<isindex action=javascript:canary() type=image>
<bgsound src="javascript:canary()">
<applet code=canary></applet>
<frameset onload=canary()><frame src=x></frameset>
<map><area href="javascript:canary()"></map>
<portal src="javascript:canary()"></portal>
<b>bold</b> <i>italic</i> &amp; &lt;b&gt;
&lt;script&gt;canary()&lt;/script&gt;
&#60;script&#62;canary()&#60;/script&#62;
&#x3c;img src=x onerror=canary()&#x3e;
%3Cscript%3Ecanary()%3C/script%3E
\x3cscript\x3ecanary()\x3c/script\x3e
\u003cscript\u003ecanary()\u003c/script\u003e
+ADw-script+AD4-canary()+ADw-/script+AD4-
＜script＞canary()＜/script＞
‹script›canary()‹/script›
"><script>canary()</script>
'><script>canary()</script>
"><img src=x onerror=canary()>
'><svg onload=canary()>
" onmouseover="canary()
' onfocus='canary()' autofocus='
` onclick=`canary()
" autofocus onfocus=canary() x="
" style="display:none" x="
javascript:canary()
JAVASCRIPT:canary()
 javascript:canary()
java&#9;script:canary()
javascript://%0acanary()
javascript:/*--></title></style></script><svg onload=canary()>
data:text/html,<script>parent.canary()</script>
data:text/html;base64,PHNjcmlwdD5jYW5hcnkoKTwvc2NyaXB0Pg==
vbscript:canary()
view-source:javascript:canary()
blob:https://canary.invalid/x
file:///etc/passwd
//canary.invalid/x
\\canary.invalid\x
https://user:secret@canary.invalid/
http://[::1]:1/#<script>canary()</script>
{{constructor.constructor('canary()')()}}
{{7*7}}
${canary()}
`${canary()}`
#{canary()}
<%= canary() %>
{%import os%}{{os.system('x')}}
[[${canary()}]]
@{canary()}
$(canary)
*{canary}
{{{{canary}}}}
[press](javascript:canary())
![x](x"onerror="canary\(\))
[x]: javascript:canary()
<javascript:canary()>
**bold** _italic_ `code` # heading
```js\ncanary()\n```
$$\href{javascript:canary()}{x}$$
'; canary(); //
"; canary(); //
\"; canary(); //
*/canary()/*
-canary()-
}canary();{
eval("canary()")
Function("canary()")()
setTimeout("canary()")
import("data:text/javascript,canary()")
__proto__
constructor
prototype[canary]
hasOwnProperty
null
undefined
NaN
-1
0
[1]
[1][2][99] [1]
{n} {where} {s}
$& $1 $` $' $$
'; DROP TABLE questions; --
../../../../etc/passwd
%s%n%x%p
() { :;}; echo canary
| canary ; canary & canary
"""

_CHARACTERS = [
    "\u202e<script>canary()</script>\u202c",
    "\u2066evil\u2069 \u2067other way\u2069",
    "\u200b\u200c\u200d\ufeff<img src=x onerror=canary()>",
    "javascript\u200b:canary()",
    "java\tscript:canary()",
    "java\nscript:canary()",
    "\x01javascript:canary()",
    "<scr\u0000ipt>canary()</script>",
    "<img\u000bsrc=x\u000conerror=canary()>",
    "<img\u2028src=x\u2029onerror=canary()>",
    "line\r\nbreak\rand\n\n\nmore",
    "سؤال عن الورك <b>x</b>",
    "שאלה על הירך (112)",
    "中文问题：按多久？",
    "👩🏽‍⚕️🦵🏿🏳️‍🌈 flags 🇩🇪",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́O",
    "ﷺ﷽ ﷲ",
    "ǅ ß ẞ İ ı K Å",
    "\ud7ff\ue000\ufffd\uffff",
    "a" * 2000,
    "W" * 300 + " " + "i" * 300,
    "<" * 200,
    "&" * 200,
    "\u0301" * 100,
    "🦵" * 300,
]

PAYLOADS: list[str] = [line for line in _MARKUP.split("\n") if line] + _CHARACTERS
