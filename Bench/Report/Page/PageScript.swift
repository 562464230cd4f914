/// Read-outs under the pointer. A report says everything without it: in axes, labels and tables.
enum PageScript {
    /// Each line of a plot carries the words for its points in `data-read`, parted by `|`; the nearest point of each line near the pointer is shown.
    static let text = #"""
        'use strict';
        for (const svg of document.querySelectorAll('svg[data-hover]')) {
          // The title would come up as a tooltip over the read-out; readers of the screen get it as a label.
          const title = svg.querySelector(':scope > title');
          if (title) { svg.setAttribute('aria-label', title.textContent); svg.removeAttribute('aria-labelledby'); title.remove(); }
          const lines = [...svg.querySelectorAll('[data-read]')].map(e => ({
            chip: e.dataset.chip, name: e.dataset.name, read: e.dataset.read.split('|'),
            points: e.getAttribute('points').trim().split(/\s+/).map(p => p.split(',').map(Number)) }));
          const top = +svg.dataset.top, bottom = +svg.dataset.bottom, box = document.getElementById('readout');
          const rule = document.createElementNS('http://www.w3.org/2000/svg', 'line');
          rule.setAttribute('class', 'rule'); rule.setAttribute('y1', top); rule.setAttribute('y2', bottom); rule.style.display = 'none';
          svg.append(rule);
          const hide = () => { box.hidden = true; rule.style.display = 'none'; };
          svg.addEventListener('pointerleave', hide);
          svg.addEventListener('pointermove', event => {
            const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
            const best = new Map();
            for (const line of lines) line.points.forEach((point, i) => {
              const far = Math.abs(point[0] - at.x), known = best.get(line.name);
              if (far < 14 && !(known && known.far <= far)) best.set(line.name, { far, x: point[0], text: line.read[i], chip: line.chip });
            });
            if (!best.size) return hide();
            box.replaceChildren();
            let nearest;
            for (const [name, found] of best) {
              if (!nearest || found.far < nearest.far) nearest = found;
              const row = document.createElement('div'), chip = document.createElement('span');
              chip.className = 'chip ' + found.chip;
              row.append(chip, name + '  ' + found.text);
              box.append(row);
            }
            rule.setAttribute('x1', nearest.x); rule.setAttribute('x2', nearest.x); rule.style.display = '';
            box.hidden = false;
            const size = box.getBoundingClientRect(), right = event.clientX + 16;
            box.style.left = (right + size.width > innerWidth ? event.clientX - 16 - size.width : right) + 'px';
            box.style.top = Math.max(4, event.clientY - size.height - 12) + 'px';
          });
        }
        """#
}
