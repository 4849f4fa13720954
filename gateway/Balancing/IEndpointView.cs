namespace Mooring.Gateway.Balancing;

/// <summary>What the policies see of a backend's endpoints. A struct, so that each policy is compiled without a virtual call.</summary>
internal interface IEndpointView
{
    int Count { get; }

    /// <summary>Connections open now.</summary>
    int Connections(int index);

    /// <summary>1 to 256.</summary>
    int Weight(int index);

    /// <summary>The endpoint may get a new connection.</summary>
    bool Available(int index);
}
