namespace Mooring.Gateway;

/// <param name="Hash">Of the config in force now; null where it was refused.</param>
/// <param name="Errors">Why, each with its path; empty where it was accepted.</param>
internal sealed record ApplyResult(string? Hash, IReadOnlyList<string> Errors)
{
    public bool Accepted => Hash is not null;
}

/// <param name="Changed">Something was replaced.</param>
/// <param name="Problems">What is wrong with the files, each with where it is named.</param>
internal sealed record CertificateReload(bool Changed, IReadOnlyList<string> Problems);
