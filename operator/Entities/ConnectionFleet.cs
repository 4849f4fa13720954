using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Attributes;
using Mooring.Operator.Entities.Status;

namespace Mooring.Operator.Entities;

[KubernetesEntity(Group = FleetApi.Group, ApiVersion = FleetApi.Version, Kind = FleetApi.Kind, PluralName = FleetApi.Plural)]
[KubernetesEntityShortNames("fleet", "fleets", "cf")]
[KubernetesEntityCategories("mooring")]
[ScaleSubresource(".spec.gateway.replicas", ".status.replicas", ".status.selector")]
[AdditionalPrinterColumn(1, "Gateways", ".status.gateways.summary", "string", Description = "Gateways ready of those wanted")]
[AdditionalPrinterColumn(2, "Backends", ".status.backends.summary", "string", Description = "Backend endpoints ready of those wanted")]
[AdditionalPrinterColumn(3, "Connections", ".status.connections.current", "integer", Description = "Client connections open now")]
[AdditionalPrinterColumn(
    4,
    "Capacity",
    ".status.connections.capacity",
    "integer",
    Description = "Client connections that the gateways take"
)]
[AdditionalPrinterColumn(
    5,
    "Util",
    ".status.connections.utilizationPercent",
    "integer",
    Description = "Connections in percent of the capacity"
)]
[AdditionalPrinterColumn(6, "Draining", ".status.gateways.draining", "integer", Description = "Gateways that are being emptied")]
[AdditionalPrinterColumn(7, "Tuned", ".status.tuning.summary", "string", Description = "Nodes as the fleet wants them of those it runs on")]
[AdditionalPrinterColumn(8, "Phase", ".status.phase", "string", Description = "State in one word, for people; conditions are the contract")]
[AdditionalPrinterColumn(9, "Age", ".metadata.creationTimestamp", "date")]
[AdditionalPrinterColumn(10, "Image", ".status.gateways.image", "string", Wide = true, Description = "Image of the gateways")]
[AdditionalPrinterColumn(
    11,
    "Skew",
    ".status.connections.skewPercent",
    "integer",
    Wide = true,
    Description = "How far the fullest gateway is above its share of the connections, in percent of that share"
)]
[AdditionalPrinterColumn(
    12,
    "Reason",
    ".status.conditions[?(@.type==\"Ready\")].reason",
    "string",
    Wide = true,
    Description = "Reason of the condition Ready"
)]
[AdditionalPrinterColumn(
    13,
    "Message",
    ".status.conditions[?(@.type==\"Ready\")].message",
    "string",
    Wide = true,
    Description = "Message of the condition Ready"
)]
[Description("A fleet of long-lived connections: the gateways that clients connect to, and the backends that serve them.")]
[ValidationRule("size(self.metadata.name) <= 63", "metadata.name must be at most 63 characters, because the fleet's label holds it")]
public sealed record ConnectionFleet : IKubernetesObject
{
    public string ApiVersion { get; set; } = FleetApi.ApiVersion;

    public string Kind { get; set; } = FleetApi.Kind;

    public ObjectMeta Metadata { get; set; } = new();

    [Description("What the fleet is to be.")]
    [Required]
    public FleetSpec Spec { get; set; } = new();

    [Description("What the fleet is, as the operator last saw it.")]
    public FleetStatus? Status { get; set; }
}

/// <summary>Names of the API.</summary>
public static class FleetApi
{
    public const string Group = "mooring.dev";
    public const string Version = "v1alpha1";
    public const string ApiVersion = Group + "/" + Version;
    public const string Kind = "ConnectionFleet";
    public const string Plural = "connectionfleets";
}
