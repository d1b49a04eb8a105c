import { useWords } from "../i18n";
import { Page } from "../parts/page";
import { Link } from "../router";

export default function NotFound() {
  const words = useWords();
  return (
    <Page title={words.problems.notFound} lead={words.problems.notFoundText}>
      <Link to="home" class="button">
        {words.problems.toStart}
      </Link>
    </Page>
  );
}
