// The picture of who calls whom. Every service and every link in it is a real link.

import { useMemo } from "preact/hooks";
import type { DependencyLink } from "../../api/types";
import { shorten, showUnseen } from "../../base/text";
import { formatCount, t } from "../../i18n";
import { layoutGraph, NODE_HEIGHT_PX, type PlacedEdge, type PlacedNode } from "./layout";
import { callText, type LinkTarget } from "./table";

/** The most links that are drawn; past it a picture says less than the table. */
export const LINKS_DRAWN_MAX = 400;

/** The longest name in a box; the whole name is in its title. */
const NAME_LEN_MAX = 26;

/** The picture. */
export function Graph(props: { readonly links: readonly DependencyLink[]; readonly target: LinkTarget }) {
  const layout = useMemo(() => layoutGraph(props.links), [props.links]);
  const mostCalls = props.links.reduce((most, link) => Math.max(most, link.callCount), 1);
  return (
    <div class="graph-box">
      <svg
        class="graph"
        role="group"
        aria-label={t("graph")}
        width={layout.width}
        height={layout.height}
        viewBox={`0 0 ${layout.width} ${layout.height}`}
      >
        <defs>
          <marker
            id="arrow"
            viewBox="0 0 8 8"
            refX="1"
            refY="4"
            markerWidth="8"
            markerHeight="8"
            markerUnits="userSpaceOnUse"
            orient="auto"
          >
            <path d="M0 0L8 4L0 8z" class="arrow-head" />
          </marker>
          <marker
            id="arrow-error"
            viewBox="0 0 8 8"
            refX="1"
            refY="4"
            markerWidth="8"
            markerHeight="8"
            markerUnits="userSpaceOnUse"
            orient="auto"
          >
            <path d="M0 0L8 4L0 8z" class="arrow-head has-error" />
          </marker>
        </defs>
        {layout.edges.map((edge) => (
          <Edge
            key={`${edge.link.parent}\n${edge.link.child}`}
            edge={edge}
            mostCalls={mostCalls}
            target={props.target}
          />
        ))}
        {layout.nodes.map((node) => (
          <Node key={node.name} node={node} target={props.target} />
        ))}
      </svg>
    </div>
  );
}

function Edge({ edge, mostCalls, target }: { edge: PlacedEdge; mostCalls: number; target: LinkTarget }) {
  const { link } = edge;
  const hasError = link.errorCount > 0;
  // From 1.5 to 5 pixels by the logarithm: services differ by orders of magnitude.
  const width = 1.5 + (3.5 * Math.log1p(link.callCount)) / Math.log1p(mostCalls);
  return (
    <a href={target(link)} class={hasError ? "edge has-error" : "edge"} aria-label={callText(link)}>
      <title>{callText(link)}</title>
      <path class="edge-hit" d={edge.path} />
      <path
        class="edge-line"
        d={edge.path}
        stroke-width={width}
        marker-end={hasError ? "url(#arrow-error)" : "url(#arrow)"}
      />
      <text x={edge.labelX} y={edge.labelY - 5} text-anchor="middle">
        {formatCount(link.callCount)}
        {hasError ? ` (${formatCount(link.errorCount)})` : ""}
      </text>
    </a>
  );
}

function Node({ node, target }: { node: PlacedNode; target: LinkTarget }) {
  const name = showUnseen(node.name);
  return (
    <a href={target(node.name)} class="node" aria-label={t("tracesOf", { service: name })}>
      <title>{name}</title>
      <rect x={node.x} y={node.y} width={node.width} height={NODE_HEIGHT_PX} rx="6" />
      <text
        x={node.x + node.width / 2}
        y={node.y + NODE_HEIGHT_PX / 2}
        text-anchor="middle"
        dominant-baseline="central"
      >
        {shorten(name, NAME_LEN_MAX)}
      </text>
    </a>
  );
}
