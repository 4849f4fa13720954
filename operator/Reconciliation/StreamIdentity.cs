using Mooring.Operator.Planning;

namespace Mooring.Operator.Reconciliation;

/// <summary>Where gateways find the operator at present; changes when the authority is renewed. Thread-safe.</summary>
internal sealed class StreamIdentity
{
    private volatile StreamEndpoint? _endpoint;

    /// <summary>Null: the operator serves no stream, and gateways live on their ConfigMap alone.</summary>
    public StreamEndpoint? Endpoint
    {
        get => _endpoint;
        set => _endpoint = value;
    }
}
