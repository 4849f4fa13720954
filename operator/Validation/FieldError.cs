namespace Mooring.Operator.Validation;

/// <summary>One thing that is wrong with a manifest.</summary>
/// <param name="Path">The field, as Kubernetes writes it: <c>spec.listeners[1].port</c>. Empty: the whole document.</param>
/// <param name="Message">What is wrong, and what would be right; without the path.</param>
public sealed record FieldError(string Path, string Message)
{
    /// <summary>Line of the file, from 1; null where there is no file.</summary>
    public int? Line { get; init; }

    public override string ToString() => Path.Length == 0 ? Message : $"{Path}: {Message}";
}
