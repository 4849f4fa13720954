namespace Mooring.Contracts.Configuration;

/// <summary>
/// Other endpoints that a connection is tried at while nothing was sent, within a budget of the whole backend. Of UDP, those that a flow is moved to
/// until one answers: whatever the budget, since a move sends nothing twice.
/// </summary>
public sealed record RetryConfig
{
    /// <summary>Endpoints tried for one connection, the first included. 1 to 5, where a UDP listener uses the backend 1 to 3; default 3.</summary>
    public int Attempts { get; set; } = 3;

    /// <summary>Retries in percent of connects. 0 to 100; default 20, Envoy's <c>retry_budget.budget_percent</c>.</summary>
    public int BudgetPercent { get; set; } = 20;

    /// <summary>Retries per second that are allowed whatever the traffic. 0 to 10,000; default 10.</summary>
    public int MinRetriesPerSecond { get; set; } = 10;
}
