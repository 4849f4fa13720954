namespace Mooring.Kubernetes.Telemetry;

/// <summary>Hears what a client and the informers of it meet at the API server, beside their callers. Called on any thread: returns at once and throws nothing.</summary>
public interface IApiWitness
{
    /// <summary>A try of a request was answered, whatever the answer's code; a watch once it was opened.</summary>
    /// <param name="verb">As in metrics, such as <c>patch</c> or <c>watch</c>.</param>
    /// <param name="resource">As in metrics, such as <c>deployments.apps</c>.</param>
    /// <param name="took">Until the whole answer was there; of a watch, until it began.</param>
    void Answered(string verb, string resource, TimeSpan took);

    /// <summary>A try of a request got no answer: the server could not be reached, broke the connection, or let the time run out.</summary>
    /// <inheritdoc cref="Answered" path="/param"/>
    void Unanswered(string verb, string resource);

    /// <summary>A watch that had begun, or that the server refused, has ended.</summary>
    /// <param name="resource">As in metrics.</param>
    /// <param name="how"><c>expired</c>: its version is too old (410), and all is listed anew; <c>server</c>: in good order; else a fault, by its word in metrics.</param>
    /// <param name="lived">Since it was asked for.</param>
    void WatchEnded(string resource, string how, TimeSpan lived);
}
