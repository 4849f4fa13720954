using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Client;

/// <summary>A field that a server-side apply did not get, since another manager owns it.</summary>
/// <param name="Manager">The other manager's name, such as <c>kubectl-client-side-apply</c>.</param>
/// <param name="Field">Path of the field, such as <c>spec.replicas</c>.</param>
/// <param name="Message">What the server wrote.</param>
public sealed record ApplyConflict(string Manager, string Field, string Message)
{
    internal static IReadOnlyList<ApplyConflict> From(IReadOnlyList<StatusCause> causes)
    {
        List<ApplyConflict> conflicts = [];
        foreach (var cause in causes)
        {
            if (cause.Reason == "FieldManagerConflict")
            {
                conflicts.Add(new ApplyConflict(ManagerIn(cause.Message ?? ""), (cause.Field ?? "").TrimStart('.'), cause.Message ?? ""));
            }
        }

        return conflicts;
    }

    // The server writes: conflict with "manager" using apps/v1 at 2026-11-21T08:00:00Z
    private static string ManagerIn(string message)
    {
        var start = message.IndexOf('"');
        var end = start < 0 ? -1 : message.IndexOf('"', start + 1);
        return end < 0 ? "" : message[(start + 1)..end];
    }
}
