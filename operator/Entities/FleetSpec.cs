using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("What a fleet is to be.")]
[ValidationRule(
    "self.listeners.all(l, !has(l.backend) || (has(self.backends) && self.backends.exists(b, b.name == l.backend)))",
    "every listener's backend must be the name of one of spec.backends",
    FieldPath = ".listeners"
)]
[ValidationRule(
    "self.listeners.all(l, !has(l.webSocket) || !has(l.webSocket.routes) || "
        + "l.webSocket.routes.all(r, has(self.backends) && self.backends.exists(b, b.name == r.backend)))",
    "every route's backend must be the name of one of spec.backends",
    FieldPath = ".listeners"
)]
[ValidationRule(
    "!has(self.backends) || self.backends.all(b, !has(b.backup) || self.backends.exists(o, o.name == b.backup && !has(o.backup)))",
    "every backup must be the name of one of spec.backends, which has no backup itself",
    FieldPath = ".backends"
)]
[ValidationRule(
    "!has(self.backends) || self.backends.all(b, !(has(b.tls) || has(b.proxyProtocol) || has(b.queue)) || "
        + "!self.listeners.exists(l, l.protocol == 'UDP' && has(l.backend) && l.backend == b.name))",
    "tls, proxyProtocol and queue are not for the backend of a UDP listener",
    FieldPath = ".backends"
)]
public sealed record FleetSpec
{
    [Description(
        "Fills what is not set with figures that go together. Small and Production: 4250 and 8250 connections a gateway. Extreme: 10000 for each of four workers a core, as far as the limits found allow."
    )]
    [AllowedValues("Small", "Production", "Extreme")]
    public string? Preset { get; set; }

    [Description("While true, the operator changes nothing of the fleet; what runs goes on running.")]
    public bool Paused { get; set; }

    [Description("The gateways: how many, what they may use, how they let go of connections.")]
    public GatewaySpec Gateway { get; set; } = new();

    [Description("Kernel settings of the nodes and pods that the gateways run on. Left out: none.")]
    public NodeTuningSpec? NodeTuning { get; set; }

    [Description("How the fleet's load is spread over its gateways.")]
    public ScalingSpec? Scaling { get; set; }

    [Description("What is seen of the fleet from outside.")]
    public ObservabilitySpec? Observability { get; set; }

    [Description("Where clients arrive. Names are unique, and so are ports among the UDP listeners and among the others. At most 64.")]
    [Required, Items(1, 64), ListMapKey("name")]
    [ValidationRule(
        "self.all(l, self.exists_one(o, o.port == l.port && (o.protocol == 'UDP') == (l.protocol == 'UDP')))",
        "two listeners must not share a port, unless just one of them is UDP"
    )]
    public IReadOnlyList<ListenerSpec> Listeners { get; set; } = [];

    [Description("What the listeners' connections are carried to. At most 64.")]
    [Items(0, 64), ListMapKey("name")]
    public IReadOnlyList<BackendSpec> Backends { get; set; } = [];

    [Description("Where the gateways keep the state that makes them one fleet. Left out: nowhere.")]
    public RegistrySpec? Registry { get; set; }

    [Description("How clients show who they are, where a listener asks: in mode Hub. Left out: they do not.")]
    public AuthenticationSpec? Authentication { get; set; }
}
